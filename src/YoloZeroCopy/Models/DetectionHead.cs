using System.Collections.Immutable;

namespace YoloZeroCopy;

/// <summary>
/// The raw maps that a detection head ends in, where the model is cut there: at every cell of every level the logits of all classes, and where a
/// box is.
/// </summary>
/// <remarks>
/// Boxes are the distances of their four sides from the cell's centre. A side is a distribution over <see cref="Bins"/> distances whose mean counts
/// (distribution focal loss: YOLOv8, v9, v10, 11, 12), or one number (YOLO26). Distances are in units of the level's stride; the order of sides is
/// left, top, right, bottom. YOLOv5's head is of another kind (<see cref="OutputLayout.AnchorsFirst"/>): one map a level, with centre, size,
/// objectness and class logits of every one of its <see cref="HeadLevel.AnchorBoxes"/>. Immutable; any thread.
/// </remarks>
internal sealed record DetectionHead
{
    private const int Sides = 4;

    // Of a box: centre, size, objectness.
    private const int AnchorValues = 5;

    /// <summary>
    /// What detections are made of the maps: a box an anchor, overlaps suppressed (<see cref="OutputLayout.ChannelsFirst"/>); the same of anchor
    /// boxes (<see cref="OutputLayout.AnchorsFirst"/>); or the best <see cref="Kept"/> pairs of an anchor and a class, and nothing suppressed
    /// (<see cref="OutputLayout.EndToEnd"/>).
    /// </summary>
    public OutputLayout Layout { get; init; }

    /// <summary>Pairs of an anchor and a class that the layout <see cref="OutputLayout.EndToEnd"/> gives; 0 in the others.</summary>
    public int Kept { get; init; }

    /// <summary>Distances of a side's distribution; 1 where the side is one number.</summary>
    public required int Bins { get; init; }

    /// <summary>Classes.</summary>
    public required int ClassCount { get; init; }

    /// <summary>Type of every map.</summary>
    public required TensorElementType ElementType { get; init; }

    /// <summary>
    /// False: every map is <c>[batch, channels, height, width]</c>. True: <c>[batch, height, width, channels]</c>, with the channels filled up to a
    /// multiple of <see cref="LayerNetwork.ChannelMultiple"/> by values that mean nothing.
    /// </summary>
    public bool IsChannelsLast { get; init; }

    /// <summary>Levels by rising stride.</summary>
    public required ImmutableArray<HeadLevel> Levels { get; init; }

    /// <summary>Anchors of all levels.</summary>
    public int Anchors => Levels.Sum(static level => level.Anchors);

    /// <summary>Bytes of all maps of one picture.</summary>
    public int PictureBytes => Maps.Sum(MapBytes);

    /// <summary>The maps in the order in which they lie in the output: all pictures of the first map, then all of the next one.</summary>
    public IEnumerable<HeadMap> Maps => Levels.SelectMany(static level => (HeadMap[])[level.Sides, level.Scores]).Distinct();

    /// <summary>Channels of an anchor box: centre, size, objectness, classes.</summary>
    public int AnchorChannels => AnchorValues + ClassCount;

    /// <summary>Bytes of one of the maps for one picture.</summary>
    public int MapBytes(HeadMap map) => checked(map.Width * map.Height * CellBytes(map));

    /// <summary>Bytes from cell to cell of a map whose channels come last.</summary>
    private int CellBytes(HeadMap map) => (IsChannelsLast ? LayerNetwork.Padded(map.Channels) : map.Channels) * ElementType.ElementBytes();

    /// <summary>Finds out what the maps at a cut are.</summary>
    /// <param name="maps">The maps and their sizes, in the order of the model.</param>
    /// <param name="type">Their element type.</param>
    /// <param name="input">The model's input, whose size tells the strides.</param>
    /// <param name="classCount">Classes of the model.</param>
    /// <param name="reason">Why they are no head of this kind, where this is null.</param>
    public static DetectionHead? TryResolve(
        IReadOnlyList<HeadMap> maps, TensorElementType type, (int Width, int Height) input, int classCount, out string? reason)
    {
        List<HeadLevel> levels = [];
        int bins = 0;
        reason = null;
        foreach (IGrouping<(int Width, int Height), HeadMap> level in maps.GroupBy(static map => (map.Width, map.Height)))
        {
            (int width, int height) = level.Key;
            HeadMap[] pair = [.. level];
            string size = $"{width}x{height}";
            if (pair.Length != 2)
            {
                reason = $"its head has {pair.Length} maps of {size}; 2 are wanted";
                return null;
            }

            // Where both have as many channels, exports have the boxes first.
            (HeadMap sides, HeadMap scores) = pair[1].Channels == classCount ? (pair[0], pair[1]) : (pair[1], pair[0]);
            if (scores.Channels != classCount || sides.Channels % Sides != 0 || (bins != 0 && sides.Channels != bins * Sides))
            {
                reason = $"its maps of {size} have {pair[0].Channels} and {pair[1].Channels} channels; {classCount} classes and 4 sides are wanted";
                return null;
            }

            if (StrideOf(sides, input) is not int stride)
            {
                reason = WrongSize(sides, input);
                return null;
            }

            bins = sides.Channels / Sides;
            levels.Add(new HeadLevel(width, height, stride, sides, scores));
        }

        return new DetectionHead
        {
            Bins = bins,
            ClassCount = classCount,
            ElementType = type,
            Levels = [.. levels.OrderBy(static level => level.Stride)],
        };
    }

    /// <summary>As the other, for heads that give the best pairs of an anchor and a class.</summary>
    public static DetectionHead? TryResolveBest(
        IReadOnlyList<HeadMap> maps, TensorElementType type, (int Width, int Height) input, int classCount, int kept, out string? reason)
    {
        if (TryResolve(maps, type, input, classCount, out reason) is not DetectionHead head)
        {
            return null;
        }

        if (kept <= head.Anchors)
        {
            return head with { Layout = OutputLayout.EndToEnd, Kept = kept };
        }

        reason = $"it gives {kept} detections of {head.Anchors} anchors";
        return null;
    }

    /// <summary>As the other, for heads with anchor boxes, whose sizes are left at 0: maps do not tell them.</summary>
    public static DetectionHead? TryResolveAnchorBoxes(
        IReadOnlyList<HeadMap> maps, TensorElementType type, (int Width, int Height) input, int classCount, out string? reason)
    {
        List<HeadLevel> levels = [];
        reason = null;
        int channels = AnchorValues + classCount;
        foreach (HeadMap map in maps)
        {
            if (map.Channels % channels != 0)
            {
                reason = $"its map of {map.Width}x{map.Height} has {map.Channels} channels; a multiple of {channels} is wanted";
                return null;
            }

            if (StrideOf(map, input) is not int stride)
            {
                reason = WrongSize(map, input);
                return null;
            }

            if (levels.Any(level => level.Stride == stride))
            {
                reason = $"its head has several maps of {map.Width}x{map.Height}; 1 is wanted";
                return null;
            }

            levels.Add(new HeadLevel(map.Width, map.Height, stride, map, map) { AnchorBoxes = [.. new AnchorBox[map.Channels / channels]] });
        }

        return new DetectionHead
        {
            Layout = OutputLayout.AnchorsFirst,
            Bins = 1,
            ClassCount = classCount,
            ElementType = type,
            Levels = [.. levels.OrderBy(static level => level.Stride)],
        };
    }

    private static int? StrideOf(HeadMap map, (int Width, int Height) input)
    {
        int stride = map.Width == 0 ? 0 : input.Width / map.Width;
        return stride > 0 && stride * map.Width == input.Width && stride * map.Height == input.Height ? stride : null;
    }

    private static string WrongSize(HeadMap map, (int Width, int Height) input) =>
        $"its map of {map.Width}x{map.Height} does not divide an input of {input.Width}x{input.Height}";
}

/// <summary>One map; <see cref="DetectionHead.IsChannelsLast"/> tells how it lies.</summary>
internal sealed record HeadMap(string Name, int Channels, int Width, int Height);

/// <summary>The maps of one stride; one map is both where it has anchor boxes.</summary>
internal sealed record HeadLevel(int Width, int Height, int Stride, HeadMap Sides, HeadMap Scores)
{
    /// <summary>The boxes of a cell that the map's numbers stretch, one behind the other in its channels; none where sides are distances.</summary>
    public ImmutableArray<AnchorBox> AnchorBoxes { get; init; } = [];

    /// <summary>Cells of the level.</summary>
    public int Cells => Width * Height;

    /// <summary>Anchors of the level: one a cell, or all cells' first boxes, then all cells' second ones, and so on.</summary>
    public int Anchors => Cells * Math.Max(1, AnchorBoxes.Length);
}

/// <summary>Size of an anchor box, in pixels of the input.</summary>
internal readonly record struct AnchorBox(float Width, float Height);
