using System.Collections.Immutable;

namespace YoloZeroCopy;

/// <summary>Gives every tensor of a network its place in a buffer, so that concatenations need no copies.</summary>
/// <remarks>
/// What is read as one tensor must lie so. Outputs come first, each in a buffer of its own; then concatenations, the largest first, each in a new
/// buffer unless a part of another one already is it. A step's output moves into the first buffer that wants all of it, and is copied into every
/// further one. What no buffer wanted gets one of its own.
/// </remarks>
internal sealed class LayerPlacement
{
    private readonly ImmutableArray<LayerStep> steps;
    private readonly List<LayerBuffer> buffers = [];
    private readonly List<List<Part>> contents = [];
    private readonly Dictionary<LayerStep, LayerTensor> places = [];
    private readonly Dictionary<LayerStep, List<CopyLayer>> copies = [];
    private readonly Dictionary<LayerChannels, LayerTensor> arranged = [];
    private readonly List<(LayerPiece Piece, LayerTensor Target)> wanted = [];
    private readonly Dictionary<LayerChannels, LayerChannels> ordered;

    public LayerPlacement(IEnumerable<LayerStep> steps, ImmutableArray<LayerChannels> outputs)
    {
        this.steps = [.. steps];
        LayerStep input = this.steps[0];
        buffers.Add(new LayerBuffer(LayerNetwork.InputChannels, input.Height, input.Width));
        contents.Add([]);
        places.Add(input, new LayerTensor(0, 0, input.Channels));

        HashSet<LayerChannels> tensors = [.. outputs, .. this.steps.SelectMany(static step => step.Inputs)];
        ordered = LayerOrder.Arrange(tensors);
        Outputs = [.. outputs.Select(output => Arrange(Ordered(output), isAlone: true))];
        foreach (LayerChannels tensor in this.steps.SelectMany(static step => step.Inputs).Select(Ordered).Distinct()
            .Where(static tensor => tensor.Pieces.Length > 1)
            .OrderByDescending(static tensor => (long)tensor.Channels * tensor.Height * tensor.Width))
        {
            arranged.Add(tensor, Find(tensor) ?? Arrange(tensor, isAlone: false));
        }

        foreach (LayerStep step in this.steps.Where(step => !places.ContainsKey(step)))
        {
            _ = Arrange(LayerChannels.Of(step), isAlone: true);
        }

        foreach ((LayerPiece piece, LayerTensor target) in wanted)
        {
            copies.TryAdd(piece.Step, []);
            copies[piece.Step].Add(new CopyLayer(ViewOf(piece), target));
        }
    }

    public ImmutableArray<LayerBuffer> Buffers => [.. buffers];

    public ImmutableArray<LayerTensor> Outputs { get; }

    /// <summary>All steps in their order, each followed by the copies of what it makes.</summary>
    public ImmutableArray<Layer> Layers()
    {
        List<Layer> layers = [];
        foreach (LayerStep step in steps.Skip(1))
        {
            layers.Add(step.Place([.. step.Inputs.Select(tensor => PlaceOf(step, tensor))], places[step]));
            layers.AddRange(copies.GetValueOrDefault(step) ?? []);
        }

        return layers.Count <= LayerLowering.MaxLayers ? [.. layers] : throw new LoweringException($"it has {layers.Count} layers");
    }

    private LayerChannels Ordered(LayerChannels tensor) => ordered.GetValueOrDefault(tensor, tensor);

    private LayerTensor PlaceOf(LayerStep reader, LayerChannels tensor)
    {
        bool isConvolved = reader is ConvolutionStep { IsDepthwise: false } convolution && tensor == convolution.Input;
        if (tensor.Pieces[0].Step is InputStep && (!isConvolved || tensor.WholeStep is null))
        {
            throw new LoweringException("something other than a convolution reads the model's input, or only a part of it");
        }

        return arranged.TryGetValue(Ordered(tensor), out LayerTensor place) ? place : ViewOf(Ordered(tensor).Pieces[0]);
    }

    private LayerTensor ViewOf(LayerPiece piece)
    {
        Check(piece, isLast: true);
        LayerTensor whole = places[piece.Step];
        return new LayerTensor(whole.Buffer, whole.FirstChannel + piece.First, piece.Count);
    }

    // Channels that fill a tensor up to a multiple follow its last one only.
    private static void Check(LayerPiece piece, bool isLast)
    {
        bool isFull = piece.Count % LayerNetwork.ChannelMultiple == 0 || (isLast && piece.End == piece.Step.Channels);
        if (piece.First % LayerNetwork.ChannelMultiple != 0 || !isFull)
        {
            throw new LoweringException(
                $"a concatenation or split wants channels {piece.First} to {piece.End - 1}; multiples of {LayerNetwork.ChannelMultiple} are wanted");
        }
    }

    /// <summary>A new buffer that holds a tensor.</summary>
    /// <param name="tensor">The tensor.</param>
    /// <param name="isAlone">Whether the buffer holds nothing else. Otherwise it may begin or end with more of a step of which the tensor has a
    /// part.</param>
    private LayerTensor Arrange(LayerChannels tensor, bool isAlone)
    {
        int buffer = buffers.Count;
        List<Part> parts = [];
        LayerPiece head = tensor.Pieces[0];
        LayerPiece tail = tensor.Pieces[^1];
        int first = !isAlone && head.End == head.Step.Channels && head.First > 0 && TryPlace(head.Step, 0) ? head.First : 0;
        int at = first;
        for (int index = 0; index < tensor.Pieces.Length; index++)
        {
            LayerPiece piece = tensor.Pieces[index];
            if (piece.Step is InputStep)
            {
                throw new LoweringException("the model's input is part of a concatenation or an output");
            }

            bool isLast = index == tensor.Pieces.Length - 1;
            Check(piece, isLast);
            bool canStay = piece.IsWhole || (isLast && !isAlone && piece.First == 0);
            if (!(index == 0 && first > 0) && !(canStay && TryPlace(piece.Step, at)))
            {
                wanted.Add((piece, new LayerTensor(buffer, at, piece.Count)));
            }

            parts.Add(new Part(piece, at));
            at += piece.Count;
        }

        int end = places.TryGetValue(tail.Step, out LayerTensor last) && last.Buffer == buffer ? Math.Max(at, last.FirstChannel + last.Channels) : at;
        LayerBuffer memory = new(LayerNetwork.Padded(end), tensor.Height, tensor.Width);
        if (memory.PictureBytes > int.MaxValue)
        {
            throw new LoweringException($"a tensor of {memory.Channels}x{memory.Height}x{memory.Width} takes more than two gigabytes");
        }

        buffers.Add(memory);
        contents.Add(parts);
        return new LayerTensor(buffer, first, tensor.Channels);

        bool TryPlace(LayerStep step, int channel) => step is not InputStep && places.TryAdd(step, new LayerTensor(buffer, channel, step.Channels));
    }

    /// <summary>Where a tensor already lies in one piece.</summary>
    private LayerTensor? Find(LayerChannels tensor)
    {
        for (int buffer = 1; buffer < buffers.Count; buffer++)
        {
            List<Part> parts = contents[buffer];
            for (int first = 0; first + tensor.Pieces.Length <= parts.Count; first++)
            {
                int at = parts[first].At + tensor.Pieces[0].First - parts[first].Piece.First;
                int next = at;
                int found = 0;
                while (found < tensor.Pieces.Length && parts[first + found].Holds(tensor.Pieces[found], next))
                {
                    next += tensor.Pieces[found++].Count;
                }

                if (found == tensor.Pieces.Length)
                {
                    Check(tensor.Pieces[0], isLast: false);
                    Check(tensor.Pieces[^1], isLast: true);
                    return new LayerTensor(buffer, at, tensor.Channels);
                }
            }
        }

        return null;
    }

    /// <summary>What lies in a buffer from a channel on.</summary>
    private readonly record struct Part(LayerPiece Piece, int At)
    {
        public bool Holds(LayerPiece other, int at) => other.Step == Piece.Step && other.First >= Piece.First && other.End <= Piece.End
            && At + other.First - Piece.First == at;
    }
}
