using System.Collections.Immutable;

namespace YoloZeroCopy;

/// <summary>Where the buffers of a network lie in one block of memory: those that are not needed at the same time share places.</summary>
/// <remarks>Input and outputs lie outside of the block: others write and read them. Immutable; any thread.</remarks>
internal sealed class LayerMemory
{
    /// <summary>Every buffer begins at a multiple of this.</summary>
    public const int Alignment = 256;

    private LayerMemory(ImmutableArray<long> places, long bytes)
    {
        Places = places;
        Bytes = bytes;
    }

    /// <summary>For every buffer its first byte in the block, or -1 where it lies outside.</summary>
    public ImmutableArray<long> Places { get; }

    /// <summary>Bytes of the block.</summary>
    public long Bytes { get; }

    /// <summary>Places the buffers of a batch.</summary>
    /// <remarks>
    /// One by one, each at the lowest place that is free as long as it is needed. Which order is best differs from network to network: largest first,
    /// longest needed first and as they are made are tried.
    /// </remarks>
    public static LayerMemory Plan(LayerNetwork network, int batch)
    {
        Lifetime[] lives = Lifetimes(network);
        int[] inside = [.. Enumerable.Range(0, lives.Length).Where(buffer => lives[buffer].IsInside).OrderBy(buffer => lives[buffer].First)];
        IEnumerable<int>[] orders =
        [
            inside.OrderByDescending(buffer => network.Buffers[buffer].PictureBytes),
            inside.OrderByDescending(buffer => lives[buffer].Last - lives[buffer].First),
            inside,
        ];
        return orders.Select(order => Plan(network, batch, lives, order)).MinBy(static memory => memory.Bytes)!;
    }

    private static LayerMemory Plan(LayerNetwork network, int batch, Lifetime[] lives, IEnumerable<int> order)
    {
        long[] places = new long[lives.Length];
        Array.Fill(places, -1);
        List<int> placed = [];
        long end = 0;
        foreach (int buffer in order)
        {
            long bytes = BytesOf(network.Buffers[buffer], batch);
            long place = 0;
            foreach (int other in placed.Where(other => lives[other].Overlaps(lives[buffer])).OrderBy(other => places[other]))
            {
                if (places[other] - place >= bytes)
                {
                    break;
                }

                place = Math.Max(place, places[other] + BytesOf(network.Buffers[other], batch));
            }

            places[buffer] = place;
            placed.Add(buffer);
            end = Math.Max(end, place + bytes);
        }

        return new LayerMemory([.. places], end);
    }

    /// <summary>Bytes of a buffer and of what fills it up to the next one's beginning.</summary>
    public static long BytesOf(LayerBuffer buffer, int batch) => checked(((buffer.PictureBytes * batch) + Alignment - 1) / Alignment * Alignment);

    private static Lifetime[] Lifetimes(LayerNetwork network)
    {
        Lifetime[] lives = new Lifetime[network.Buffers.Length];
        Array.Fill(lives, new Lifetime(int.MaxValue, -1));
        for (int layer = 0; layer < network.Layers.Length; layer++)
        {
            foreach (LayerTensor tensor in network.Layers[layer].Inputs.Append(network.Layers[layer].Output))
            {
                lives[tensor.Buffer] = new Lifetime(Math.Min(lives[tensor.Buffer].First, layer), layer);
            }
        }

        foreach (int outside in network.Outputs.Select(static output => output.Buffer).Append(0))
        {
            lives[outside] = new Lifetime(int.MaxValue, -1);
        }

        return lives;
    }

    /// <summary>The layers between which a buffer is needed, both among them.</summary>
    private readonly record struct Lifetime(int First, int Last)
    {
        public bool IsInside => Last >= 0;

        public bool Overlaps(Lifetime other) => First <= other.Last && other.First <= Last;
    }
}
