namespace YoloZeroCopy.Tests;

/// <summary>Places of a network's buffers.</summary>
public sealed class LayerMemoryTests
{
    private static readonly string Sample = Path.Combine(AppContext.BaseDirectory, "model", "conveyor.onnx");

    [Theory]
    [InlineData(1)]
    [InlineData(8)]
    [InlineData(32)]
    public void The_sample_model_takes_little_more_than_what_lives_at_once(int batch)
    {
        using LayerNetwork network = LayerLoweringTests.Lower(Sample, 640, 640);
        LayerMemory memory = LayerMemory.Plan(network, batch);
        long atOnce = Check(network, memory, batch);
        long apart = network.Buffers.Sum(buffer => LayerMemory.BytesOf(buffer, batch));
        TestContext.Current.SendDiagnosticMessage($"batch {batch}: {memory.Bytes} bytes; {atOnce} live at once; {apart} all buffers");
        Assert.InRange(memory.Bytes, atOnce, atOnce * 21 / 20);
    }

    [Fact]
    public void Buffers_that_live_at_once_never_share_a_place()
    {
        for (int seed = 0; seed < 300; seed++)
        {
            Random random = new(seed);
            using LayerNetwork network = RandomNetwork(random);
            int batch = random.Next(1, 5);
            LayerMemory memory = LayerMemory.Plan(network, batch);
            long atOnce = Check(network, memory, batch);
            Assert.True(memory.Bytes <= atOnce * 2, $"seed {seed}: {memory.Bytes} bytes where {atOnce} live at once.");
        }
    }

    /// <summary>Checks a plan layer by layer and gives the largest sum of bytes that are needed at once.</summary>
    private static long Check(LayerNetwork network, LayerMemory memory, int batch)
    {
        HashSet<int> outside = [0, .. network.Outputs.Select(static output => output.Buffer)];
        ILookup<int, int> uses = network.Layers
            .SelectMany(static (layer, index) => layer.Inputs.Append(layer.Output).Select(tensor => (tensor.Buffer, index)))
            .ToLookup(static use => use.Buffer, static use => use.index);
        long most = 0;
        for (int layer = 0; layer < network.Layers.Length; layer++)
        {
            (long Place, long Bytes)[] live = [.. uses.Where(use => !outside.Contains(use.Key) && use.Min() <= layer && use.Max() >= layer)
                .Select(use => (memory.Places[use.Key], LayerMemory.BytesOf(network.Buffers[use.Key], batch))).Order()];
            long end = 0;
            foreach ((long place, long bytes) in live)
            {
                Assert.True(place >= end, $"Two buffers that layer {layer} or others around it need overlap at byte {place}.");
                Assert.Equal(0, place % LayerMemory.Alignment);
                end = place + bytes;
            }

            Assert.InRange(end, 0, memory.Bytes);
            most = Math.Max(most, live.Sum(static one => one.Bytes));
        }

        Assert.All(outside, buffer => Assert.Equal(-1, memory.Places[buffer]));
        return most;
    }

    private static LayerNetwork RandomNetwork(Random random)
    {
        List<LayerBuffer> buffers = [new(LayerNetwork.InputChannels, 32, 32)];
        List<Layer> layers = [];
        for (int layer = 0; layer < random.Next(1, 60); layer++)
        {
            buffers.Add(new LayerBuffer(8 * random.Next(1, 20), random.Next(1, 40), random.Next(1, 40)));
            layers.Add(new AddLayer(Any(), Any(), Whole(buffers.Count - 1)));
            if (random.Next(3) == 0 && buffers.Count > 3)
            {
                layers.Add(new CopyLayer(Any(), Whole(buffers.Count - random.Next(1, 3))));
            }
        }

        return new LayerNetwork
        {
            Buffers = [.. buffers],
            Layers = [.. layers],
            Outputs = [.. Enumerable.Range(1, Math.Min(3, buffers.Count - 1)).Select(back => Whole(buffers.Count - back))],
            Weights = ModelBytes.Allocate(0),
        };

        LayerTensor Whole(int buffer) => new(buffer, 0, buffers[buffer].Channels);

        // Mostly what was made lately, and sometimes what was made long ago.
        LayerTensor Any() => Whole(random.Next(4) == 0 ? random.Next(buffers.Count) : random.Next(Math.Max(0, buffers.Count - 5), buffers.Count - 1));
    }
}
