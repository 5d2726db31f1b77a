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

    /// <summary>Queues moving managed memory to this stream's device, so that kernels find it there.</summary>
    /// <param name="memory">First address, in a <see cref="CudaManagedMemory"/>.</param>
    /// <param name="bytes">Length in bytes. Whole pages are moved.</param>
    /// <exception cref="ObjectDisposedException">The stream is disposed or its context was reset.</exception>
    /// <exception cref="CudaException">The driver refused, for example because the memory is not managed.</exception>
    public void Prefetch(CUdeviceptr memory, nuint bytes) =>
        ThrowIfFailed(Api.cuMemPrefetchAsync(memory, bytes, Context.Device.Handle, Handle), "queueing a move of managed memory");

    /// <summary>Queues writing one byte value over device memory.</summary>
    /// <param name="destination">Device address.</param>
    /// <param name="value">Value of each byte.</param>
    /// <param name="bytes">Length in bytes.</param>
    /// <exception cref="ObjectDisposedException">The stream is disposed or its context was reset.</exception>
    /// <exception cref="CudaException">The driver refused.</exception>
    public void Fill(CUdeviceptr destination, byte value, nuint bytes) =>
        ThrowIfFailed(Api.cuMemsetD8Async(destination, value, bytes, Handle), "queueing a fill of device memory");
}
