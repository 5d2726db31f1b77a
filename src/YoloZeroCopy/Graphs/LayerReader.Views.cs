using YoloZeroCopy.Onnx;

namespace YoloZeroCopy;

/// <content>Operators that take parts of tensors or arrange them anew, and attention, which is written with them.</content>
internal sealed partial class LayerReader
{
    // Products of queries and keys on their way to an attention.
    private readonly Dictionary<string, Matches> matches = [];

    private void ReadSplit(NodeProto node)
    {
        MapView from = ViewOf(node, 0);
        int axis = AxisOf(node, node.Integer("axis", 0), from.Rank);
        long whole = from.Shape[axis];
        long[] sizes = node.Integers("split") ?? (node.InputAt(1).Length > 0 ? IntegersOf(node, 1) : EqualParts(whole, node.Output.Count));
        if (sizes.Length != node.Output.Count || sizes.Any(static part => part is <= 0 or > MaxSize) || sizes.Sum() != whole)
        {
            throw Unsupported(node, $"splits {whole} of axis {axis} into {Join(sizes)}");
        }

        long first = 0;
        foreach ((string output, long count) in node.Output.Zip(sizes))
        {
            Add(node, output, PartOf(node, from, axis, first, count));
            first += count;
        }
    }

    // The last part is smaller where they cannot be equal.
    private static long[] EqualParts(long whole, int parts)
    {
        long part = (whole + parts - 1) / Math.Max(1, parts);
        return [.. Enumerable.Range(0, parts).Select(index => Math.Min(part, whole - (index * part)))];
    }

    private void ReadSlice(NodeProto node)
    {
        MapView taken = ViewOf(node, 0);
        bool areAttributes = node.Find("starts") is not null;
        long[] starts = areAttributes ? node.Integers("starts")! : IntegersOf(node, 1);
        long[] ends = areAttributes ? node.Integers("ends") ?? [] : IntegersOf(node, 2);
        long[] axes = (areAttributes ? node.Integers("axes") : node.InputAt(3).Length > 0 ? IntegersOf(node, 3) : null)
            ?? [.. Enumerable.Range(0, starts.Length).Select(static axis => (long)axis)];
        long[] steps = node.InputAt(4).Length > 0 ? IntegersOf(node, 4) : [.. axes.Select(static _ => 1L)];
        if (starts.Length is 0 or > 4 || (ends.Length, axes.Length, steps.Length) != (starts.Length, starts.Length, starts.Length)
            || steps.Any(static step => step != 1))
        {
            throw Unsupported(node, $"takes {Join(starts)} to {Join(ends)} of axes {Join(axes)} in steps {Join(steps)}");
        }

        for (int i = 0; i < axes.Length; i++)
        {
            int axis = AxisOf(node, axes[i], taken.Rank);
            long start = PlaceIn(starts[i], taken.Shape[axis]);
            long count = PlaceIn(ends[i], taken.Shape[axis]) - start;
            taken = PartOf(node, taken, axis, start, count);
        }

        Add(node, taken);
    }

    private static MapView PartOf(NodeProto node, MapView view, int axis, long first, long count) =>
        (count > 0 ? view.Slice(axis, first, count) : null) ?? throw Unsupported(node, $"takes {count} of {view.Shape[axis]} of axis {axis}");

    // From the end where it is negative.
    private static long PlaceIn(long place, long length) => Math.Clamp(place < 0 ? Math.Max(place, -length) + length : place, 0, length);

    private void ReadReshape(NodeProto node)
    {
        MapView from = ViewOf(node, 0);
        long[] shape = node.OpType == "Flatten" ? Flat(from.Shape.AsSpan()[..AxisOf(node, node.Integer("axis", 1), from.Rank)]) : IntegersOf(node, 1);
        Add(node, from.Reshape(shape, node.Integer("allowzero", 0) != 0) ?? throw Unsupported(node, $"makes {Join(shape)} of {Join(from.Shape)}"));
    }

    private static long[] Flat(ReadOnlySpan<long> outer)
    {
        long rows = 1;
        foreach (long size in outer)
        {
            rows *= size;
        }

        return [rows, -1];
    }

    private void ReadTranspose(NodeProto node)
    {
        long[] order = node.Integers("perm") ?? [];
        if (matches.TryGetValue(RootOf(node.InputAt(0)), out Matches? products))
        {
            if (order is not [0, 1, 3, 2])
            {
                throw Unsupported(node, $"orders the axes of an attention as {Join(order)}");
            }

            matches.Add(OutputOf(node), products with { IsTurned = !products.IsTurned });
            return;
        }

        MapView from = ViewOf(node, 0);
        if (order.Length != from.Rank || !order.Order().SequenceEqual(Enumerable.Range(0, from.Rank).Select(static axis => (long)axis)))
        {
            throw Unsupported(node, $"orders {from.Rank} axes as {Join(order)}");
        }

        Add(node, from.Transpose(order));
    }

    private void ReadProduct(NodeProto node)
    {
        (string first, string second) = (RootOf(node.InputAt(0)), RootOf(node.InputAt(1)));
        bool isFirst = matches.TryGetValue(first, out Matches? weights);
        if (isFirst || matches.TryGetValue(second, out weights))
        {
            ReadAttention(node, weights!, isFirst, HeadsOf(node, isFirst ? 1 : 0, cellsFirst: isFirst));
            return;
        }

        LayerHeads query = HeadsOf(node, 0, cellsFirst: true);
        LayerHeads key = HeadsOf(node, 1, cellsFirst: false);
        if ((query.Count, query.Areas, query.Width, query.Cells) != (key.Count, key.Areas, key.Width, key.Cells))
        {
            throw Unsupported(node, "multiplies queries and keys of different sizes");
        }

        matches.Add(OutputOf(node), new Matches(query, key, 1, IsWeights: false, IsTurned: false));
    }

    private void ReadAttention(NodeProto node, Matches weights, bool isFirst, LayerHeads value)
    {
        // Rows of the weights are the cells that look, columns those that are looked at.
        if (!weights.IsWeights || weights.IsTurned == isFirst
            || (value.Count, value.Areas, value.Cells) != (weights.Key.Count, weights.Key.Areas, weights.Key.Cells))
        {
            throw Unsupported(node, "is no attention");
        }

        if (weights.Key.Width % LayerNetwork.ChannelMultiple != 0 || value.Width % LayerNetwork.ChannelMultiple != 0)
        {
            throw Unsupported(
                node, $"has heads of {weights.Key.Width} and {value.Width} channels; multiples of {LayerNetwork.ChannelMultiple} are wanted");
        }

        AttentionStep step = new(weights.Query.Channels, weights.Key.Channels, value.Channels, value.Count, value.Areas, weights.Scale);
        AddStep(step);
        Add(node, MapView.OfHeads(step, pictures, value.Count, value.Areas, cellsFirst: isFirst));
    }

    private void ReadSoftmax(NodeProto node)
    {
        Matches products = matches.GetValueOrDefault(RootOf(node.InputAt(0))) ?? throw Unsupported(node, "is no part of an attention");
        if (products.IsWeights || products.IsTurned || node.Integer("axis", 1) is not (3 or -1))
        {
            throw Unsupported(node, "is not over the cells that an attention looks at");
        }

        matches.Add(OutputOf(node), products with { IsWeights = true });
    }

    private bool TryReadScale(NodeProto node)
    {
        int place = matches.ContainsKey(RootOf(node.InputAt(1))) ? 1 : 0;
        if (!matches.TryGetValue(RootOf(node.InputAt(place)), out Matches? products))
        {
            return false;
        }

        if (products.IsWeights || OnnxTensorData.Floats(ConstantOf(node, 1 - place)) is not [float factor] || (place == 1 && node.OpType == "Div"))
        {
            throw Unsupported(node, "is no scale of an attention");
        }

        matches.Add(OutputOf(node), products with { Scale = node.OpType == "Div" ? products.Scale / factor : products.Scale * factor });
        return true;
    }

    private LayerHeads HeadsOf(NodeProto node, int index, bool cellsFirst)
    {
        LayerHeads heads = ViewOf(node, index).AsHeads(cellsFirst)
            ?? throw Unsupported(node, $"has an input {index} that is not heads of channels over cells");
        Count(node, heads.Channels);
        return heads;
    }

    private MapView ViewOf(NodeProto node, int index) =>
        views.GetValueOrDefault(RootOf(node.InputAt(index))) ?? MapView.Of(InputOf(node, index), pictures);

    private void Add(NodeProto node, MapView view) => Add(node, OutputOf(node), view);

    private void Add(NodeProto node, string name, MapView view)
    {
        if (view.AsChannels() is LayerChannels tensor)
        {
            Add(node, name, tensor);
        }
        else if (name.Length > 0 && !views.TryAdd(name, view))
        {
            throw Unsupported(node, $"makes '{name}', which is there already");
        }
    }

    private static int AxisOf(NodeProto node, long axis, int rank) => axis >= -rank && axis < rank ? (int)(axis < 0 ? axis + rank : axis)
        : throw Unsupported(node, $"works on axis {axis} of {rank}");

    /// <param name="Query">What the rows are.</param>
    /// <param name="Key">What the columns are.</param>
    /// <param name="Scale">Factor of the products.</param>
    /// <param name="IsWeights">Whether a softmax made weights of them.</param>
    /// <param name="IsTurned">Whether rows and columns are exchanged.</param>
    private sealed record Matches(LayerHeads Query, LayerHeads Key, float Scale, bool IsWeights, bool IsTurned);
}
