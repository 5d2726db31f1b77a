using System.Runtime.CompilerServices;

namespace YoloZeroCopy;

/// <summary>
/// Zeroed managed memory that does not move and begins on a cache line: aligned vectors of it never lie in two. The collector frees it, so that
/// nothing is lost when its owner is forgotten. The pointer stays valid as long as this object is referenced.
/// </summary>
internal sealed unsafe class PinnedMemory<T>
    where T : unmanaged
{
    private const int LineBytes = 64;

    private readonly T[] array;

    public PinnedMemory(int length)
    {
        Length = length;
        array = GC.AllocateArray<T>(length + (LineBytes / sizeof(T)), pinned: true);
        Pointer = (T*)(((nint)Unsafe.AsPointer(ref array[0]) + LineBytes - 1) & ~(LineBytes - 1));
    }

    public int Length { get; }

    public T* Pointer { get; }
}
