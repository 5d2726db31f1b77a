using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace YoloZeroCopy;

/// <summary>The only parameter of the decoding kernels, by value and the same for both: <c>yzc_decode_params</c>. <see cref="DecodeKernels"/> makes
/// it.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly struct DecodeParameters
{
    public ulong Pictures { get; init; }

    public ulong Output { get; init; }

    public ulong Scratch { get; init; }

    public ulong Results { get; init; }

    public ulong ScratchStride { get; init; }

    public uint ResultStride { get; init; }

    public int Anchors { get; init; }

    public int ClassCount { get; init; }

    public int SegmentAnchors { get; init; }

    public int Segments { get; init; }

    public float ScoreThreshold { get; init; }

    public float IouThreshold { get; init; }

    public int MaxDetections { get; init; }

    public DecodeFlags Flags { get; init; }

    // Keeps the size a multiple of the alignment without hidden bytes, which the native side has, too.
    private int Reserved { get; init; }

    public ClassBits ClassBits { get; init; }
}

/// <summary>Bit c % 32 of word c / 32 is class c's: the classes that count, under <see cref="DecodeFlags.SomeClasses"/>.</summary>
[InlineArray(DecodeKernels.ClassLimit / 32)]
internal struct ClassBits
{
    private uint first;
}

/// <summary>What is special about decoding: <c>yzc_decode_flags</c>.</summary>
[Flags]
internal enum DecodeFlags
{
    None = 0,

    /// <summary>Boxes of different classes suppress each other, too.</summary>
    ClassAgnostic = 1,

    /// <summary>The model has suppressed already.</summary>
    EndToEnd = 2,

    /// <summary>Only classes with a bit in <see cref="ClassBits"/> count.</summary>
    SomeClasses = 4,
}
