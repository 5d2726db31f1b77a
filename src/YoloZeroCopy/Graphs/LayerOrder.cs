using System.Collections.Immutable;

namespace YoloZeroCopy;

/// <summary>Lets convolutions make their output channels in an order in which those that are read together lie together.</summary>
/// <remarks>
/// It costs nothing: their weights are written in that order. Queries, keys and values of several heads come out of one convolution head by head and
/// are wanted apart; a half of a split that joins a concatenation, while the other half goes elsewhere, is wanted at the end.
/// </remarks>
internal static class LayerOrder
{
    // More parts than any model splits a tensor into.
    private const int MaxParts = 64;

    /// <summary>Orders the channels of convolutions.</summary>
    /// <param name="tensors">All that is read, and the outputs.</param>
    /// <returns>What those tensors are now.</returns>
    public static Dictionary<LayerChannels, LayerChannels> Arrange(IReadOnlyCollection<LayerChannels> tensors)
    {
        Dictionary<ConvolutionStep, List<Run>> runs = [];
        foreach (Run run in tensors.SelectMany(RunsOf))
        {
            // What is added to a result has its channels in the model's order, and a depthwise convolution those of its input.
            if (run.Pieces[0].Step is ConvolutionStep { IsDepthwise: false, Added: null } step)
            {
                runs.TryAdd(step, []);
                runs[step].Add(run);
            }
        }

        Dictionary<LayerStep, Parts> ordered = [];
        foreach ((ConvolutionStep step, List<Run> wanted) in runs)
        {
            if (wanted.Any(static run => !run.IsGood) && Parts.TryCreate(step, wanted) is Parts parts)
            {
                parts.Arrange(wanted);
                step.Order = parts.Order();
                ordered.Add(step, parts);
            }
        }

        return tensors.Where(tensor => tensor.Pieces.Any(piece => ordered.ContainsKey(piece.Step))).ToDictionary(
            static tensor => tensor,
            tensor => LayerChannels.Concatenate(tensor.Pieces.SelectMany(
                piece => ordered.TryGetValue(piece.Step, out Parts? parts) ? parts.Find(piece)
                    : [LayerChannels.Of(piece.Step).Slice(piece.First, piece.Count)])));
    }

    private static IEnumerable<Run> RunsOf(LayerChannels tensor)
    {
        for (int first = 0; first < tensor.Pieces.Length;)
        {
            int end = first + 1;
            while (end < tensor.Pieces.Length && tensor.Pieces[end].Step == tensor.Pieces[first].Step)
            {
                end++;
            }

            yield return new Run(tensor.Pieces[first..end], first == 0, end == tensor.Pieces.Length);
            first = end;
        }
    }

    /// <summary>Pieces of one step next to each other in a tensor.</summary>
    private sealed record Run(ImmutableArray<LayerPiece> Pieces, bool IsFirst, bool IsLast)
    {
        /// <summary>Whether it needs no other order: one piece, which is all that its step makes or all that the tensor is.</summary>
        public bool IsGood => Pieces.Length == 1 && (Pieces[0].IsWhole || (IsFirst && IsLast));

        public int Channels => Pieces.Sum(static piece => piece.Count);

        /// <summary>-1 where others stand before it and it is best made first, 1 where others follow and it is best made last.</summary>
        public int End => (IsFirst, IsLast) switch
        {
            (true, false) => 1,
            (false, true) => -1,
            _ => 0,
        };
    }

    /// <summary>The channels of a step, cut wherever a piece begins or ends.</summary>
    private sealed class Parts(LayerStep step, ImmutableArray<int> cuts)
    {
        // Numbers of parts, in the order in which they are made.
        private List<int> order = [];

        public static Parts? TryCreate(LayerStep step, List<Run> runs)
        {
            SortedSet<int> ends = [0, step.Channels];
            foreach (LayerPiece piece in runs.SelectMany(static run => run.Pieces))
            {
                ends.UnionWith([piece.First, piece.End]);
            }

            ImmutableArray<int> cuts = [.. ends];
            return cuts.Length <= MaxParts && cuts.All(static cut => cut % LayerNetwork.ChannelMultiple == 0) ? new Parts(step, cuts) : null;
        }

        // The longest runs first; one of whose parts another has is left as it is.
        public void Arrange(List<Run> runs)
        {
            HashSet<int> used = [];
            List<(int End, List<int> Parts)> chains = [];
            foreach (Run run in runs.OrderByDescending(static run => run.Channels))
            {
                List<int> parts = [.. run.Pieces.SelectMany(PartsOf)];
                if (parts.Distinct().Count() == parts.Count && !parts.Any(used.Contains))
                {
                    used.UnionWith(parts);
                    chains.Add((run.End, parts));
                }
            }

            chains.AddRange(Enumerable.Range(0, cuts.Length - 1).Where(part => !used.Contains(part)).Select(static part => (0, (List<int>)[part])));
            order = [.. chains.OrderBy(static chain => chain.End).ThenBy(static chain => chain.Parts[0]).SelectMany(static chain => chain.Parts)];
        }

        public ImmutableArray<int> Order() => [.. order.SelectMany(part => Enumerable.Range(cuts[part], SizeOf(part)))];

        /// <summary>Where a piece lies now.</summary>
        public IEnumerable<LayerChannels> Find(LayerPiece piece) => PartsOf(piece).Select(part =>
            LayerChannels.Of(step).Slice(order.TakeWhile(other => other != part).Sum(SizeOf), SizeOf(part)));

        private IEnumerable<int> PartsOf(LayerPiece piece) =>
            Enumerable.Range(0, cuts.Length - 1).Where(part => cuts[part] >= piece.First && cuts[part] < piece.End);

        private int SizeOf(int part) => cuts[part + 1] - cuts[part];
    }
}
