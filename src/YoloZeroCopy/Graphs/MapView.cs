using System.Collections.Immutable;

namespace YoloZeroCopy;

/// <summary>A tensor of any shape whose elements are some of a map's, in another arrangement: what reshapes, transposes and parts make of
/// it.</summary>
/// <remarks>
/// Every axis of the tensor is made of factors. A factor is a number of steps over pictures, over the map's channels or over its cells, which are
/// counted row by row. Factors of one step are left out.
/// </remarks>
internal sealed class MapView
{
    // Channels that do not lie together are pieces of a tensor.
    private const int MaxPieces = 256;

    private readonly LayerChannels source;
    private readonly int firstChannel;
    private readonly ImmutableArray<ImmutableArray<Factor>> axes;

    private MapView(LayerChannels source, int firstChannel, ImmutableArray<ImmutableArray<Factor>> axes)
    {
        this.source = source;
        this.firstChannel = firstChannel;
        this.axes = axes;
    }

    public int Rank => axes.Length;

    public ImmutableArray<long> Shape => [.. axes.Select(SizeOf)];

    /// <summary>A map as it is: pictures, channels, rows, columns.</summary>
    public static MapView Of(LayerChannels map, int pictures) => new(
        map, 0,
        [Pictures(pictures), Channels(map.Channels, 1), Cells(map.Height, map.Width), Cells(map.Width, 1)]);

    /// <summary>What an attention makes: pictures and areas, heads, and for each the cells and its channels, in this order or the other.</summary>
    public static MapView OfHeads(LayerStep step, int pictures, int heads, int areas, bool cellsFirst)
    {
        int cells = step.Height * step.Width / areas;
        ImmutableArray<Factor> channels = Channels(step.Channels / heads, 1);
        ImmutableArray<Factor> places = Cells(cells, 1);
        return new MapView(
            LayerChannels.Of(step), 0,
            [
                [.. Pictures(pictures), .. Cells(areas, cells)], Channels(heads, step.Channels / heads), cellsFirst ? places : channels,
                cellsFirst ? channels : places,
            ]);
    }

    /// <summary>Some of an axis that is one step over channels, or all of any axis; null for other parts.</summary>
    public MapView? Slice(int axis, long first, long count) => count == SizeOf(axes[axis]) ? this
        : axes[axis] is [{ Kind: FactorKind.Channels } factor]
            ? new MapView(source, firstChannel + ((int)first * factor.Step), axes.SetItem(axis, Factors(factor with { Count = (int)count }))) : null;

    /// <summary>The same elements in the same order in other axes; null where an axis would take a part of a factor.</summary>
    public MapView? Reshape(IReadOnlyList<long> shape, bool zeroIsZero)
    {
        if (Resolve(shape, zeroIsZero) is not long[] sizes)
        {
            return null;
        }

        List<Factor> rest = [.. Merge(axes.SelectMany(static axis => axis)).Reverse()];
        ImmutableArray<Factor>[] result = new ImmutableArray<Factor>[sizes.Length];
        for (int axis = 0; axis < sizes.Length; axis++)
        {
            List<Factor> factors = [];
            for (long wanted = sizes[axis]; wanted > 1;)
            {
                Factor next = rest[^1];
                rest.RemoveAt(rest.Count - 1);
                if (wanted % next.Count == 0)
                {
                    factors.Add(next);
                    wanted /= next.Count;
                }
                else if (next.Count % wanted == 0)
                {
                    int inner = next.Count / (int)wanted;
                    factors.Add(new Factor(next.Kind, (int)wanted, next.Step * inner));
                    rest.Add(next with { Count = inner });
                    wanted = 1;
                }
                else
                {
                    return null;
                }
            }

            result[axis] = [.. factors];
        }

        return new MapView(source, firstChannel, [.. result]);
    }

    /// <summary>The same axes in another order, which is one of all of them.</summary>
    public MapView Transpose(IEnumerable<long> order) => new(source, firstChannel, [.. order.Select(axis => axes[(int)axis])]);

    /// <summary>This as a map, where rows and columns are the source's: channels in the order that the view has them.</summary>
    public LayerChannels? AsChannels()
    {
        if (axes is not [[] or [{ Kind: FactorKind.Pictures }], var channels, var rows, var columns]
            || SizeOf(rows) != source.Height || SizeOf(columns) != source.Width
            || !Merge(rows.Concat(columns)).SequenceEqual(Cells(source.Height * source.Width, 1))
            || !channels.All(static factor => factor.Kind == FactorKind.Channels))
        {
            return null;
        }

        Factor[] merged = [.. Merge(channels)];
        Factor[] outer = merged is [.., { Step: 1 }] ? merged[..^1] : merged;
        int run = outer.Length == merged.Length ? 1 : merged[^1].Count;
        if (outer.Aggregate(1L, static (product, factor) => product * factor.Count) > MaxPieces)
        {
            return null;
        }

        IEnumerable<int> starts = outer.Aggregate(
            (IEnumerable<int>)[firstChannel], static (before, factor) =>
                before.SelectMany(start => Enumerable.Range(0, factor.Count).Select(index => start + (index * factor.Step))));
        return LayerChannels.Concatenate(starts.Select(start => source.Slice(start, run)));
    }

    /// <summary>This as <c>[pictures and areas, heads, cells, channels]</c>, or with the last two exchanged; null where it is nothing of that
    /// kind.</summary>
    public LayerHeads? AsHeads(bool cellsFirst)
    {
        if (Rank != 4 || (cellsFirst ? axes[2] : axes[3]) is not [{ Kind: FactorKind.Cells, Step: 1 } cells]
            || (cellsFirst ? axes[3] : axes[2]) is not [{ Kind: FactorKind.Channels, Step: 1 } channels])
        {
            return null;
        }

        ImmutableArray<Factor> areaFactors = axes[0] is [{ Kind: FactorKind.Pictures }, .. var others] ? others : axes[0];
        (long areas, long total) = (SizeOf(areaFactors), (long)source.Height * source.Width);
        bool areAreas = areaFactors is [] || (areaFactors is [{ Kind: FactorKind.Cells } area] && area.Step == cells.Count);
        bool areHeads = axes[1] is [] or [{ Kind: FactorKind.Channels }];
        if (!areAreas || !areHeads || areas * cells.Count != total || SizeOf(axes[1]) > MaxPieces)
        {
            return null;
        }

        (int heads, int step) = axes[1] is [Factor head] ? (head.Count, head.Step) : (1, 0);
        return new LayerHeads(
            LayerChannels.Concatenate(Enumerable.Range(0, heads).Select(index => source.Slice(firstChannel + (index * step), channels.Count))),
            heads, (int)areas, channels.Count, cells.Count);
    }

    // Zero is the size that the axis has, -1 what is left.
    private long[]? Resolve(IReadOnlyList<long> shape, bool zeroIsZero)
    {
        long total = axes.Aggregate(1L, static (product, axis) => product * SizeOf(axis));
        long known = 1;
        long[] sizes = [.. shape];
        for (int axis = 0; axis < sizes.Length; axis++)
        {
            sizes[axis] = sizes[axis] == 0 && !zeroIsZero && axis < Rank ? SizeOf(axes[axis]) : sizes[axis];
            if (sizes[axis] is 0 or < -1 || sizes[axis] > total)
            {
                return null;
            }

            known = sizes[axis] == -1 ? known : known * sizes[axis];
            if (known > total)
            {
                return null;
            }
        }

        if (sizes.Count(static size => size == -1) > 1 || total % known != 0)
        {
            return null;
        }

        sizes = [.. sizes.Select(size => size == -1 ? total / known : size)];
        return sizes.Aggregate(1L, static (product, size) => product * size) == total ? sizes : null;
    }

    // Two factors are one where the outer one steps over all of the inner one.
    private static ImmutableArray<Factor> Merge(IEnumerable<Factor> factors)
    {
        List<Factor> merged = [];
        foreach (Factor factor in factors)
        {
            if (merged.Count > 0 && merged[^1].Kind == factor.Kind && merged[^1].Step == factor.Count * factor.Step)
            {
                merged[^1] = factor with { Count = merged[^1].Count * factor.Count };
            }
            else
            {
                merged.Add(factor);
            }
        }

        return [.. merged];
    }

    private static ImmutableArray<Factor> Pictures(int count) => Factors(new Factor(FactorKind.Pictures, count, 1));

    private static ImmutableArray<Factor> Channels(int count, int step) => Factors(new Factor(FactorKind.Channels, count, step));

    private static ImmutableArray<Factor> Cells(int count, int step) => Factors(new Factor(FactorKind.Cells, count, step));

    private static ImmutableArray<Factor> Factors(Factor factor) => factor.Count == 1 ? [] : [factor];

    private static long SizeOf(ImmutableArray<Factor> factors) => factors.Aggregate(1L, static (product, factor) => product * factor.Count);

    private enum FactorKind
    {
        Pictures,
        Channels,
        Cells,
    }

    private readonly record struct Factor(FactorKind Kind, int Count, int Step);
}

/// <summary>Channels of several heads over the cells of several areas.</summary>
/// <param name="Channels">The heads' channels, head behind head.</param>
/// <param name="Count">Heads.</param>
/// <param name="Areas">Areas.</param>
/// <param name="Width">Channels of a head.</param>
/// <param name="Cells">Cells of an area.</param>
internal sealed record LayerHeads(LayerChannels Channels, int Count, int Areas, int Width, int Cells);
