using System.Runtime.InteropServices;

namespace YoloZeroCopy;

/// <summary>Owner of the one block of memory behind a pool's slots. What kind of memory it is depends on the device.</summary>
internal abstract class FrameMemory : SafeHandle
{
    protected FrameMemory(long byteCount)
        : base(0, ownsHandle: true) => ByteCount = byteCount;

    public long ByteCount { get; }

    public override bool IsInvalid => handle == 0;

    public nint Address => handle;
}

/// <summary>Ordinary native memory, aligned to a page: what a pool uses when no GPU reads its slots.</summary>
internal sealed unsafe class AlignedFrameMemory : FrameMemory
{
    private const int PageSize = 4096;

    public AlignedFrameMemory(long byteCount)
        : base(byteCount)
    {
        SetHandle((nint)NativeMemory.AlignedAlloc((nuint)byteCount, PageSize));
        GC.AddMemoryPressure(byteCount);
    }

    protected override bool ReleaseHandle()
    {
        NativeMemory.AlignedFree((void*)handle);
        GC.RemoveMemoryPressure(ByteCount);
        return true;
    }
}
