using System.Diagnostics;
using System.Globalization;
using Google.Protobuf;

namespace YoloZeroCopy.Tests;

/// <summary>Damaged models through all that reads graphs: no crash, no endless work, and an error or a reason in words.</summary>
public sealed class DamagedModelTests
{
    // What a model of some kilobytes may cost: managed memory, and what its weights become.
    private const long MaxBytes = 64 << 20;

    private static readonly TimeSpan MaxTime = TimeSpan.FromSeconds(20);

    /// <summary>The variable YZC_DAMAGED_MODELS asks for another number than what is done each time.</summary>
    private static readonly int Count =
        int.TryParse(Environment.GetEnvironmentVariable("YZC_DAMAGED_MODELS"), CultureInfo.InvariantCulture, out int count) ? count : 400;

    [Fact]
    public void Damaged_models_give_an_error_or_a_reason_in_bounded_time_and_memory()
    {
        byte[] model = SmallDetector();
        Assert.Null(Read(model));
        Dictionary<string, int> results = [];
        (TimeSpan Time, long Bytes) most = default;
        for (int seed = 0; seed < Count; seed++)
        {
            byte[] damaged = ModelMutations.Mutate(model, new Random(seed));
            long before = GC.GetAllocatedBytesForCurrentThread();
            long start = Stopwatch.GetTimestamp();
            string result;
            try
            {
                result = Read(damaged) ?? "lowered";
            }
            catch (Exception error)
            {
                throw new InvalidOperationException($"Seed {seed}.", error);
            }

            (TimeSpan Time, long Bytes) cost = (Stopwatch.GetElapsedTime(start), GC.GetAllocatedBytesForCurrentThread() - before);
            Assert.True(cost.Time < MaxTime && cost.Bytes < MaxBytes, $"Seed {seed}: {cost.Time} and {cost.Bytes} bytes for '{result}'.");
            most = (cost.Time > most.Time ? cost.Time : most.Time, Math.Max(cost.Bytes, most.Bytes));
            result = result.Split('\'', ':')[0];
            results[result] = results.GetValueOrDefault(result) + 1;
        }

        TestContext.Current.SendDiagnosticMessage($"{Count} models, at most {most.Time.TotalMilliseconds:F0} ms and {most.Bytes >> 10} KiB each");
        foreach ((string result, int times) in results.OrderByDescending(static pair => pair.Value))
        {
            TestContext.Current.SendDiagnosticMessage($"{times,6} {result}");
        }

        // Damage of all kinds was there, and some of it did not matter.
        Assert.InRange(results["lowered"], 1, Count / 2);
        Assert.True(results.Count > 12, $"{results.Count} different results are too few.");
    }

    [Fact]
    public void Damaged_models_are_rewritten_or_left_alone()
    {
        byte[] model = SmallDetector();
        Dictionary<string, int> results = [];
        for (int seed = 0; seed < Count; seed++)
        {
            byte[] damaged = ModelMutations.Mutate(model, new Random(seed));
            long before = GC.GetAllocatedBytesForCurrentThread();
            long start = Stopwatch.GetTimestamp();
            try
            {
                foreach (string result in Rewrite(damaged))
                {
                    string name = result.Split('\'', ':', '.')[0];
                    results[name] = results.GetValueOrDefault(name) + 1;
                }
            }
            catch (Exception error)
            {
                throw new InvalidOperationException($"Seed {seed}.", error);
            }

            (TimeSpan time, long bytes) = (Stopwatch.GetElapsedTime(start), GC.GetAllocatedBytesForCurrentThread() - before);
            Assert.True(time < MaxTime && bytes < MaxBytes, $"Seed {seed}: {time} and {bytes} bytes.");
        }

        Assert.InRange(results["half"], 1, Count);
        Assert.InRange(results["integers"], 1, Count);
        Assert.True(results.Count > 12, $"{results.Count} different results are too few.");
    }

    [Fact]
    public void Nodes_without_inputs_outputs_or_weights_are_no_crash()
    {
        foreach (string operation in (string[])["Conv", "MatMul", "Sigmoid", "Mul", "Concat", "Split", "Resize", "Cast", "Constant", "Where"])
        {
            Onnx.ModelProto proto = Onnx.ModelProto.Parser.ParseFrom(SmallDetector());
            Onnx.NodeProto first = proto.Graph.Node.First(static node => node.OpType == "Conv");
            proto.Graph.Initializer.Add(new Onnx.TensorProto { Name = "empty", DataType = 1, Dims = { 0, 3, 1, 1 } });
            Onnx.NodeProto[] added =
            [
                new() { OpType = operation, Name = "a" },
                new() { OpType = operation, Name = "b", Input = { first.Output[0], "empty" } },
                new() { OpType = operation, Name = "c", Output = { "made" } },
                new() { OpType = operation, Name = "d", Input = { first.Output[0], "empty" }, Output = { "made too" } },
            ];
            int place = proto.Graph.Node.IndexOf(first) + 1;
            foreach (Onnx.NodeProto node in added)
            {
                proto.Graph.Node.Insert(place++, node);
            }

            Assert.Equal(2, Rewrite(proto.ToByteArray()).Count);
        }
    }

    [Fact]
    public void A_large_tensor_with_damage_within_is_an_error_in_words()
    {
        // Large tensors are read late, when their values are wanted.
        Onnx.ModelProto proto = Onnx.ModelProto.Parser.ParseFrom(SmallDetector());
        Onnx.TensorProto weights = proto.Graph.Initializer.First(static tensor => tensor.RawData.Length > 4096);
        Assert.True(proto.Graph.Initializer.Remove(weights));
        weights.ClearRawData();
        byte[] tensor = [.. weights.ToByteArray(), .. new ProtobufWriter().Bytes(4, new byte[4999]).ToArray()];
        byte[] model = [.. proto.ToByteArray(), .. new ProtobufWriter().Message(7, graph => graph.Bytes(5, tensor)).ToArray()];
        Assert.Contains("is damaged", Read(model), StringComparison.Ordinal);
    }

    /// <summary>Makes a model half and of integers; gives for both what was done, the error or the reason.</summary>
    private static List<string> Rewrite(byte[] bytes)
    {
        List<string> results = [];
        try
        {
            using OnnxModel model = OnnxModel.ReadWhole(ModelSource.InMemory(bytes, "damaged"));
            (ModelBytes Bytes, string Summary)? half = HalfPrecision.TryChange(model, out string? reason);
            Assert.True(half is null == !string.IsNullOrEmpty(reason), reason);
            half?.Bytes.Dispose();
            results.Add(reason ?? "half");
            SignedIntegers.TryChange(model)?.Dispose();
            if (OnnxGraph.TryCreate(model.Proto, out OnnxGraph? graph, out reason)
                && QuantizationPlan.TryMake(model, graph, out reason) is QuantizationPlan plan)
            {
                using ModelBytes integers = QuantizedModel.Write(
                    model, graph, plan, plan.Integers.Select(plan.ScaleOf).Distinct().ToDictionary(static name => name, static _ => 1.0));
                Assert.All(plan.Observed, tensor => Assert.False(plan.GoesIntoSilu(tensor) && plan.IsSigmoid(tensor)));
            }

            results.Add(reason ?? "integers");
        }
        catch (ModelException error)
        {
            results.Add(error.Message);
        }

        return results;
    }

    /// <summary>Reads, cuts and lowers; gives the error or the reason, or null where there is none.</summary>
    private static string? Read(byte[] bytes)
    {
        try
        {
            using OnnxModel model = OnnxModel.Read(ModelSource.InMemory(bytes, "damaged"));
            if (!OnnxGraph.TryCreate(model.Proto, out OnnxGraph? graph, out string? reason)
                || HeadCut.TryCut(graph, "output0", out reason) is not HeadCut cut)
            {
                Assert.False(string.IsNullOrEmpty(reason));
                return reason;
            }

            using ModelBytes whole = cut.Network(model);
            _ = cut.Tail(model).CalculateSize();
            _ = model.Proto.AllTensors().Count();
            LayerNetwork? network = LayerLowering.TryLower(model, graph, "images", (64, 64), cut.Maps.Select(static map => map.Name), out reason);
            if (network is null)
            {
                Assert.False(string.IsNullOrEmpty(reason));
                return reason;
            }

            using (network)
            {
                Assert.InRange(network.Weights.Span.Length, 0, MaxBytes);
                LayerLoweringTests.CheckPlaces(network);
                _ = LayerMemory.Plan(network, 8);
                if (network.Buffers.Sum(static buffer => buffer.PictureBytes) < 4 << 20)
                {
                    return CompareWithOnnxRuntime(network, whole);
                }
            }

            return null;
        }
        catch (ModelException error)
        {
            return error.Message;
        }
    }

    /// <summary>Damage that is not found must at least mean the same as elsewhere.</summary>
    private static string? CompareWithOnnxRuntime(LayerNetwork network, ModelBytes whole)
    {
        Random random = new(1);
        float[] picture = [.. Enumerable.Range(0, 3 * 64 * 64).Select(_ => random.NextSingle())];
        float[][] given = LayerInterpreter.Run(network, picture, rounds: false);
        float[][] wanted;
        try
        {
            wanted = LayerModel.RunInOnnxRuntime(Onnx.ModelProto.Parser.ParseFrom(whole.Span), network, (64, 64), picture);
        }
        catch (Exception error) when (error is YoloZeroCopyException or InvalidProtocolBufferException)
        {
            return "lowered, but refused by ONNX Runtime";
        }

        foreach ((float[] one, float[] other) in given.Zip(wanted))
        {
            // Weights became halves, and damaged ones may be of any size.
            float largest = other.Max(MathF.Abs);
            float difference = one.Zip(other, static (a, b) => MathF.Abs(a - b)).Max();
            if (float.IsFinite(largest) && !(difference <= 0.02f * (1 + largest)))
            {
                throw new InvalidOperationException($"A map differs by {difference} where it has values of up to {largest}.");
            }
        }

        return null;
    }

    /// <summary>A detector with all that the lowering knows, in some kilobytes.</summary>
    private static byte[] SmallDetector()
    {
        LayerModel model = new(64, 64);
        string stem = model.Block("images", 3, 8, 5, 2);
        string enter = model.Block(stem, 8, 16, 3, 2);
        string[] halves = model.Split(enter, 8, 8);
        string inner = model.Node("Add", [halves[1], model.Block(model.Block(halves[1], 8, 8, 3), 8, 8, 3)]);
        string fine = model.Block(model.Concatenation(halves[0], halves[1], inner), 24, 16);
        string reduced = model.Silu(model.Node(
            "BatchNormalization",
            [model.Convolution(fine, 16, 16, 3, 2), model.Random([16], 1, 1), model.Random([16], 1), model.Random([16], 1),
                model.Random([16], 1, 2)]));
        string pool = model.MaxPool(reduced, 5);
        string coarse = model.Block(model.Concatenation(reduced, pool, model.MaxPool(pool, 5)), 48, 16);
        string shape = model.Node("Shape", [coarse]);
        string pictures = model.Node("Slice", [shape, model.Constant(0), model.Constant(1), model.Constant(0)]);
        string cells = model.Node("Mul", [.. ((long[])[2, 3]).Select(axis => model.Node("Gather", [shape, model.Constant(axis)]))]);
        string heads = model.Node("Concat", [pictures, model.Constant(2, 24), cells], LayerModel.Integer("axis", 0));
        string[] parts = model.Nodes(
            "Split",
            [model.Node("Reshape", [model.Convolution(coarse, 16, 48), heads]), model.Constant(8, 8, 8)], 3, LayerModel.Integer("axis", 2));
        string seen = model.Node("Reshape", [model.Attention(parts[0], parts[1], parts[2], 0.35f), shape]);
        seen = model.Node("Add", [seen, model.Convolution(model.Reshape(parts[2], 1, 16, 8, 8), 16, 16, 3, groups: 16)]);
        coarse = model.Node("Add", [coarse, model.Node("AveragePool", [seen], LayerModel.Integers("kernel_shape", 1, 1))]);
        string grown = model.Concatenation(model.Upsample(model.Node("Identity", [coarse])), fine);
        string first = model.Block(model.Slice(grown, 8, 32), 24, 16, 3);
        string flat = model.Constant(1, 12, -1);
        string[] levels = [.. ((string[])[first, coarse]).Select(level =>
        {
            string boxes = model.Convolution(model.Block(level, 16, 8, 3), 8, 4);
            string scores = model.Convolution(model.Block(level, 16, 8, 3), 8, 8);
            return model.Node("Reshape", [model.Concatenation(boxes, scores), flat]);
        })];
        string all = model.Node("Sigmoid", [model.Node("Concat", levels, LayerModel.Integer("axis", 2))]);
        model.Proto.Graph.Node[^1].Output[0] = "output0";
        Assert.NotEqual("output0", all);
        return model.Output("output0").Proto.ToByteArray();
    }
}
