using System.Collections.Immutable;

namespace YoloZeroCopy;

/// <summary>
/// The raw maps that a detection head ends in, where the model is cut there: at every cell of every level the logits of all classes, and the
/// distances of the four sides of a box from the cell's centre.
/// </summary>
/// <remarks>
/// A side is a distribution over <see cref="Bins"/> distances whose mean counts (distribution focal loss: YOLOv8, v9, 11, 12), or one number
/// (YOLO26). Distances are in units of the level's stride; the order of sides is left, top, right, bottom. Immutable; any thread.
/// </remarks>
internal sealed record DetectionHead
{
    private const int Sides = 4;

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

    /// <summary>Cells of all levels.</summary>
    public int Anchors => Levels.Sum(static level => level.Cells);

    /// <summary>Bytes of all maps of one picture.</summary>
    public int PictureBytes => Maps.Sum(MapBytes);

    /// <summary>The maps in the order in which they lie in the output: all pictures of the first map, then all of the next one.</summary>
    public IEnumerable<HeadMap> Maps => Levels.SelectMany(static level => (HeadMap[])[level.Sides, level.Scores]);

    /// <summary>Bytes of one of the maps for one picture.</summary>
    public int MapBytes(HeadMap map) => checked(map.Width * map.Height * CellBytes(map));

    /// <summary>Bytes from cell to cell of a map whose channels come last.</summary>
    private int CellBytes(HeadMap map)
    {
        int multiple = IsChannelsLast ? LayerNetwork.ChannelMultiple : 1;
        return (map.Channels + multiple - 1) / multiple * multiple * ElementType.ElementBytes();
    }

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

            int stride = width == 0 ? 0 : input.Width / width;
            if (stride == 0 || stride * width != input.Width || stride * height != input.Height)
            {
                reason = $"its maps of {size} do not divide an input of {input.Width}x{input.Height}";
                return null;
            }

            bins = sides.Channels / Sides;
            levels.Add(new HeadLevel(width, height, stride, sides, scores));
        }

        reason = null;
        return new DetectionHead
        {
            Bins = bins,
            ClassCount = classCount,
            ElementType = type,
            Levels = [.. levels.OrderBy(static level => level.Stride)],
        };
    }
}

/// <summary>One map; <see cref="DetectionHead.IsChannelsLast"/> tells how it lies.</summary>
internal sealed record HeadMap(string Name, int Channels, int Width, int Height);

/// <summary>The maps of one stride.</summary>
internal sealed record HeadLevel(int Width, int Height, int Stride, HeadMap Sides, HeadMap Scores)
{
    /// <summary>Cells of the level, one anchor each.</summary>
    public int Cells => Width * Height;
}
