using YoloZeroCopy.Cuda.Interop;

namespace YoloZeroCopy.Cuda;

public sealed unsafe partial class CudaStream
{
    /// <summary>Queues a copy from the host to the device.</summary>
    /// <param name="destination">Device address to write.</param>
    /// <param name="source">Host address to read. Page-locked memory is read later, by DMA: leave it alone until the copy has passed.</param>
    /// <param name="bytes">Length in bytes.</param>
    /// <remarks>From pageable memory the driver first copies to a staging buffer of its own on this thread, and may wait for the stream.</remarks>
    /// <exception cref="ObjectDisposedException">The stream is disposed or its context was reset.</exception>
    /// <exception cref="CudaException">The driver refused.</exception>
    public void CopyToDevice(CUdeviceptr destination, void* source, nuint bytes) =>
        ThrowIfFailed(Api.cuMemcpyHtoDAsync_v2(destination, source, bytes, Handle), "queueing a copy to the device");

    /// <summary>Queues a copy from the device to the host.</summary>
    /// <param name="destination">Host address to write; page-locked memory is written later, by DMA.</param>
    /// <param name="source">Device address to read.</param>
    /// <param name="bytes">Length in bytes.</param>
    /// <remarks>To pageable memory the call waits until the copy is done.</remarks>
    /// <exception cref="ObjectDisposedException">The stream is disposed or its context was reset.</exception>
    /// <exception cref="CudaException">The driver refused.</exception>
    public void CopyToHost(void* destination, CUdeviceptr source, nuint bytes) =>
        ThrowIfFailed(Api.cuMemcpyDtoHAsync_v2(destination, source, bytes, Handle), "queueing a copy to the host");

    /// <summary>Queues a copy inside the device.</summary>
    /// <param name="destination">Device address to write.</param>
    /// <param name="source">Device address to read.</param>
    /// <param name="bytes">Length in bytes.</param>
    /// <exception cref="ObjectDisposedException">The stream is disposed or its context was reset.</exception>
    /// <exception cref="CudaException">The driver refused.</exception>
    public void CopyOnDevice(CUdeviceptr destination, CUdeviceptr source, nuint bytes) =>
        ThrowIfFailed(Api.cuMemcpyDtoDAsync_v2(destination, source, bytes, Handle), "queueing a copy on the device");

    /// <summary>Queues a copy of rows from the host to the device; the distance between rows may differ.</summary>
    /// <param name="destination">Device address of the first row.</param>
    /// <param name="destinationStride">Bytes from one row to the next on the device.</param>
    /// <param name="source">Host address of the first row; as for <see cref="CopyToDevice"/>.</param>
    /// <param name="sourceStride">Bytes from one row to the next on the host.</param>
    /// <param name="rowBytes">Bytes of a row to copy, at most either stride.</param>
    /// <param name="rows">Number of rows.</param>
    /// <exception cref="ObjectDisposedException">The stream is disposed or its context was reset.</exception>
    /// <exception cref="CudaException">The driver refused, for example because a stride is shorter than a row.</exception>
    public void CopyRowsToDevice(CUdeviceptr destination, nuint destinationStride, void* source, nuint sourceStride, nuint rowBytes, nuint rows)
    {
        CUDA_MEMCPY2D copy = new()
        {
            srcMemoryType = CUmemorytype.CU_MEMORYTYPE_HOST,
            srcHost = (nint)source,
            srcPitch = sourceStride,
            dstMemoryType = CUmemorytype.CU_MEMORYTYPE_DEVICE,
            dstDevice = destination,
            dstPitch = destinationStride,
            WidthInBytes = rowBytes,
            Height = rows,
        };
        ThrowIfFailed(Api.cuMemcpy2DAsync_v2(&copy, Handle), "queueing a copy of rows to the device");
    }

    /// <summary>Queues a copy of rows from the device to the host; the distance between rows may differ.</summary>
    /// <param name="destination">Host address of the first row; as for <see cref="CopyToHost"/>.</param>
    /// <param name="destinationStride">Bytes from one row to the next on the host.</param>
    /// <param name="source">Device address of the first row.</param>
    /// <param name="sourceStride">Bytes from one row to the next on the device.</param>
    /// <param name="rowBytes">Bytes of a row to copy, at most either stride.</param>
    /// <param name="rows">Number of rows.</param>
    /// <exception cref="ObjectDisposedException">The stream is disposed or its context was reset.</exception>
    /// <exception cref="CudaException">The driver refused, for example because a stride is shorter than a row.</exception>
    public void CopyRowsToHost(void* destination, nuint destinationStride, CUdeviceptr source, nuint sourceStride, nuint rowBytes, nuint rows)
    {
        CUDA_MEMCPY2D copy = new()
        {
            srcMemoryType = CUmemorytype.CU_MEMORYTYPE_DEVICE,
            srcDevice = source,
            srcPitch = sourceStride,
            dstMemoryType = CUmemorytype.CU_MEMORYTYPE_HOST,
            dstHost = (nint)destination,
            dstPitch = destinationStride,
            WidthInBytes = rowBytes,
            Height = rows,
        };
        ThrowIfFailed(Api.cuMemcpy2DAsync_v2(&copy, Handle), "queueing a copy of rows to the host");
    }

    /// <summary>Queues a copy of rows inside the device; the distance between rows may differ.</summary>
    /// <param name="destination">Device address of the first row to write.</param>
    /// <param name="destinationStride">Bytes from one row to the next at the destination.</param>
    /// <param name="source">Device address of the first row to read.</param>
    /// <param name="sourceStride">Bytes from one row to the next at the source.</param>
    /// <param name="rowBytes">Bytes of a row to copy, at most either stride.</param>
    /// <param name="rows">Number of rows.</param>
    /// <exception cref="ObjectDisposedException">The stream is disposed or its context was reset.</exception>
    /// <exception cref="CudaException">The driver refused, for example because a stride is shorter than a row.</exception>
    public void CopyRowsOnDevice(CUdeviceptr destination, nuint destinationStride, CUdeviceptr source, nuint sourceStride, nuint rowBytes, nuint rows)
    {
        CUDA_MEMCPY2D copy = new()
        {
            srcMemoryType = CUmemorytype.CU_MEMORYTYPE_DEVICE,
            srcDevice = source,
            srcPitch = sourceStride,
            dstMemoryType = CUmemorytype.CU_MEMORYTYPE_DEVICE,
            dstDevice = destination,
            dstPitch = destinationStride,
            WidthInBytes = rowBytes,
            Height = rows,
        };
        ThrowIfFailed(Api.cuMemcpy2DAsync_v2(&copy, Handle), "queueing a copy of rows on the device");
    }

    /// <summary>Queues writing one byte value over device memory.</summary>
    /// <param name="destination">Device address.</param>
    /// <param name="value">Value of each byte.</param>
    /// <param name="bytes">Length in bytes.</param>
    /// <exception cref="ObjectDisposedException">The stream is disposed or its context was reset.</exception>
    /// <exception cref="CudaException">The driver refused.</exception>
    public void Fill(CUdeviceptr destination, byte value, nuint bytes) =>
        ThrowIfFailed(Api.cuMemsetD8Async(destination, value, bytes, Handle), "queueing a fill of device memory");

    /// <summary>Queues writing one 32-bit value over device memory.</summary>
    /// <param name="destination">Device address, a multiple of 4.</param>
    /// <param name="value">Value of each word.</param>
    /// <param name="words">Number of 32-bit words.</param>
    /// <exception cref="ObjectDisposedException">The stream is disposed or its context was reset.</exception>
    /// <exception cref="CudaException">The driver refused.</exception>
    public void FillWords(CUdeviceptr destination, uint value, nuint words) =>
        ThrowIfFailed(Api.cuMemsetD32Async(destination, value, words, Handle), "queueing a fill of device memory");
}
