using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using YoloZeroCopy.Cuda;

namespace YoloZeroCopy;

/// <summary>
/// Memory of one lane: one block on the device and one page-locked block on the host, each cut once into parts that begin on 256 bytes.
/// </summary>
internal sealed unsafe class CudaLaneMemory : IDisposable
{
    public const long Alignment = 256;

    private readonly CudaDeviceMemory device;
    private readonly CudaPinnedMemory host;
    private readonly CudaLaneSizes sizes;

    public CudaLaneMemory(CudaContext context, in CudaLaneSizes sizes)
    {
        this.sizes = sizes;
        device = new CudaDeviceMemory(context, (nuint)sizes.DeviceBytes);
        try
        {
            host = CudaPinnedMemory.Allocate(context, (nuint)sizes.HostBytes);
        }
        catch
        {
            device.Dispose();
            throw;
        }

        Frames = device.Address.Value;
        Results = Frames + (ulong)Align(sizes.Batch * sizes.FrameStep);
        Pictures = Results + (ulong)Align((long)sizes.TensorBatch * sizes.ResultBytes);
        Scratch = Pictures + (ulong)PicturesBytes(sizes.TensorBatch);
    }

    /// <summary>Device addresses.</summary>
    public ulong Frames { get; }

    public ulong Results { get; }

    public ulong Pictures { get; }

    public ulong Scratch { get; }

    /// <summary>Descriptors of the batch, which go to the device with its frames.</summary>
    public Span<KernelPicture> HostPictures => new(host.Pointer, sizes.TensorBatch);

    public void* HostPicturesAddress => host.Pointer;

    public void* HostResultsAddress => (byte*)host.Pointer + PicturesBytes(sizes.TensorBatch);

    /// <summary>A picture's result, where each of the batch has so many bytes.</summary>
    public ReadOnlySpan<byte> HostResult(int index, int resultBytes) => new((byte*)HostResultsAddress + ((long)index * resultBytes), resultBytes);

    public void Dispose()
    {
        host.Dispose();
        device.Dispose();
    }

    internal static long Align(long bytes) => (bytes + Alignment - 1) & ~(Alignment - 1);

    internal static long PicturesBytes(int count) => Align((long)count * Unsafe.SizeOf<KernelPicture>());
}

/// <summary>Sizes of a lane's memory, from which the plan is added up before any of it is taken: those of the largest of its input sizes.</summary>
/// <param name="Batch">Frames of a batch.</param>
/// <param name="TensorBatch">Pictures of a tensor: the batch, or what the model is fixed to or takes at least.</param>
/// <param name="FrameStep">Bytes from frame to frame: those from slot to slot, so that one copy can take several frames.</param>
/// <param name="InputBytes">Bytes of a picture's input; 0 where the engine reads pictures where they lie.</param>
/// <param name="OutputBytes">Bytes of a picture's output.</param>
/// <param name="ScratchBytes">Bytes of scratch memory for a picture's decoding.</param>
/// <param name="ResultBytes">Bytes of a picture's result.</param>
/// <param name="HasResultStream">Whether results of a batch may come on the result stream, for which each batch bucket has a graph more.</param>
/// <param name="InputSizes">Number of input sizes, for each of which there are batch buckets.</param>
internal readonly record struct CudaLaneSizes(
    int Batch, int TensorBatch, long FrameStep, long InputBytes, long OutputBytes, long ScratchBytes, int ResultBytes,
    bool HasResultStream = false, int InputSizes = 1)
{
    // What the driver took with YOLOv8n: 2 to 3 MiB for the two graphs of each batch bucket of a lane, of which there were one to three (H200, driver
    // 580).
    private const long GraphBytes = 3L << 19;

    /// <summary>Bytes of a lane on the device.</summary>
    public long DeviceBytes =>
        CudaLaneMemory.Align(Batch * FrameStep)
        + CudaLaneMemory.Align((long)TensorBatch * ResultBytes)
        + CudaLaneMemory.PicturesBytes(TensorBatch)
        + AllScratchBytes;

    /// <summary>Bytes that two lanes share on the device.</summary>
    public long ComputeBytes =>
        CudaLaneMemory.Align(TensorBatch * InputBytes) + CudaLaneMemory.Align(TensorBatch * OutputBytes);

    /// <summary>Page-locked bytes of a lane on the host.</summary>
    public long HostBytes => CudaLaneMemory.PicturesBytes(TensorBatch) + CudaLaneMemory.Align((long)TensorBatch * ResultBytes);

    private long AllScratchBytes => CudaLaneMemory.Align(TensorBatch * ScratchBytes);

    /// <summary>What lanes and their compute streams take.</summary>
    public ImmutableArray<MemoryPlanEntry> Plan(int lanes, int computes)
    {
        long frames = CudaLaneMemory.Align(Batch * FrameStep);
        return
        [
            new MemoryPlanEntry(
                MemoryItem.Frames, MemoryPlace.Device, lanes * frames, MemoryEvidence.Formula, $"{lanes} lanes x {Batch} frames x {FrameStep} bytes"),
            Of(MemoryItem.Results, MemoryPlace.Device, lanes, "lanes", DeviceBytes - frames - AllScratchBytes),
            Of(MemoryItem.Results, MemoryPlace.Pinned, lanes, "lanes", HostBytes),
            Of(MemoryItem.Graphs, MemoryPlace.Device, lanes, "lanes", (HasResultStream ? 2 : 1) * InputSizes * GraphBytes),
            InputBytes == 0
                ? new MemoryPlanEntry(MemoryItem.Inputs, MemoryPlace.Device, 0, MemoryEvidence.Formula, "none: the first layer reads frames")
                : Of(MemoryItem.Inputs, MemoryPlace.Device, computes, "compute streams", CudaLaneMemory.Align(TensorBatch * InputBytes)),
            Of(MemoryItem.Outputs, MemoryPlace.Device, computes, "compute streams", CudaLaneMemory.Align(TensorBatch * OutputBytes)),
            Of(MemoryItem.Workspace, MemoryPlace.Device, lanes, "lanes", AllScratchBytes),
        ];

        static MemoryPlanEntry Of(MemoryItem item, MemoryPlace place, int count, string what, long bytes) =>
            new(item, place, count * bytes, MemoryEvidence.Formula, $"{count} {what} x {bytes} bytes");
    }
}
