using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace YoloZeroCopy;

/// <summary>The only parameter of the kernels that scan the maps of a head and choose pairs, by value: <c>yzc_head_params</c>.
/// <see cref="DecodeKernels"/> makes it.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly struct HeadParameters
{
    public DecodeParameters Decode { get; init; }

    public int Batch { get; init; }

    public int LevelCount { get; init; }

    public int Bins { get; init; }

    public float LogitThreshold { get; init; }

    public int Kept { get; init; }

    // Keeps the size a multiple of the alignment without hidden bytes, which the native side has, too.
    private int Reserved { get; init; }

    public HeadLevels Levels { get; init; }

    public HeadAnchorBoxes AnchorBoxes { get; init; }
}

/// <summary>One level of a head as the kernel sees it: <c>yzc_head_level</c>.</summary>
/// <param name="Width">Cells of a row.</param>
/// <param name="Cells">Cells of the level.</param>
/// <param name="Stride">Pixels of the input from cell to cell.</param>
/// <param name="FirstAnchor">Anchors of the levels before it.</param>
/// <param name="FirstSegment">Segments of the levels before it.</param>
/// <param name="Sides">Bytes that the maps before its map of sides have for one picture.</param>
/// <param name="Scores">Likewise, its map of scores.</param>
/// <param name="Boxes">Anchor boxes of a cell; 0 where sides are distances.</param>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct KernelHeadLevel(
    int Width, int Cells, int Stride, int FirstAnchor, int FirstSegment, int Sides, int Scores, int Boxes = 0);

/// <summary>Levels by rising stride.</summary>
[InlineArray(DecodeKernels.LevelLimit)]
internal struct HeadLevels
{
    private KernelHeadLevel first;
}

/// <summary>Sizes of the anchor boxes of each level in turn.</summary>
[InlineArray(DecodeKernels.LevelLimit * DecodeKernels.AnchorBoxLimit)]
internal struct HeadAnchorBoxes
{
    private AnchorBox first;
}
