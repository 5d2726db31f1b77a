using YoloZeroCopy.Cuda;

namespace YoloZeroCopy;

/// <summary>Page-locked memory for slots, which the device reads by DMA while the processor does other things.</summary>
internal sealed unsafe class PinnedFrameMemory : FrameMemory
{
    private readonly CudaPinnedMemory memory;

    public PinnedFrameMemory(CudaContext context, long byteCount)
        : base(byteCount)
    {
        memory = CudaPinnedMemory.Allocate(context, (nuint)byteCount);
        SetHandle((nint)memory.Pointer);
    }

    protected override bool ReleaseHandle()
    {
        memory.Dispose();
        return true;
    }
}
