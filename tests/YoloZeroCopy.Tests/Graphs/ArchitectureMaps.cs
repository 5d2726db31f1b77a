using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using Google.Protobuf;
using YoloZeroCopy.Onnx;

namespace YoloZeroCopy.Tests;

/// <summary>The raw maps that a model gives for a picture of noise.</summary>
internal static class ArchitectureMaps
{
    private static readonly ConcurrentDictionary<string, Lazy<float[]>> Known = [];

    /// <summary>Those of a network in single precision, computed once for all tests.</summary>
    public static float[] OfNetwork(string name) => Known.GetOrAdd(name, static name => new Lazy<float[]>(() =>
    {
        float[] maps = Of(ArchitectureHeadTests.PathOf(name), out TensorElementType type);
        Assert.Equal(TensorElementType.Float32, type);
        return maps;
    })).Value;

    public static unsafe float[] Of(string path, out TensorElementType type)
    {
        const int Width = 320;
        const int Height = 256;
        using OnnxRuntimeEngine engine =
            OnnxRuntimeEngine.Open(path, new OnnxRuntimeOptions { Threads = 1, Sizes = InputSizes.Of((Width, Height)), CutHead = true });
        Assert.NotNull(engine.Head);
        type = engine.Head.ElementType;
        int batch = Math.Max(1, engine.Model.FixedBatch);
        byte[] input = new byte[batch * engine.Model.InputBytes];
        byte[] output = new byte[batch * engine.OutputBytes];
        FrameFormat format = new(PixelFormat.Bgr24, Width, Height);
        byte[] pixels = new byte[format.ByteCount];
        new Random(11).NextBytes(pixels);
        for (int picture = 0; picture < batch; picture++)
        {
            new CpuPreprocessor(Width, Height, engine.Model.InputType).Run(
                pixels, format, input.AsSpan(picture * engine.Model.InputBytes, engine.Model.InputBytes));
        }

        fixed (byte* from = input, to = output)
        {
            using EngineContext context = engine.CreateContext(batch, (nint)from, (nint)to, stream: 0);
            context.Enqueue();
        }

        return type == TensorElementType.Float32 ? MemoryMarshal.Cast<byte, float>(output).ToArray()
            : Array.ConvertAll(MemoryMarshal.Cast<byte, Half>(output).ToArray(), static half => (float)half);
    }

    /// <summary>Those of the model in single precision with the weights of its convolutions rounded, each channel by itself.</summary>
    public static float[] OfWeights(string path, string changed, Action<Span<float>> round)
    {
        ModelProto model = ModelProto.Parser.ParseFrom(File.ReadAllBytes(path));
        foreach (TensorProto tensor in model.Graph.Initializer.Where(static tensor => tensor is { DataType: 1, Dims: [> 1, _, _, _] }))
        {
            float[] values = OnnxTensorData.Floats(tensor)!;
            int each = values.Length / (int)tensor.Dims[0];
            for (int start = 0; start < values.Length; start += each)
            {
                round(values.AsSpan(start, each));
            }

            tensor.ClearRawData();
            tensor.FloatData.Clear();
            tensor.FloatData.AddRange(values);
        }

        File.WriteAllBytes(changed, model.ToByteArray());
        return Of(changed, out _);
    }

    /// <summary>Mean difference, as a part of the mean magnitude.</summary>
    public static double Difference(float[] wanted, float[] found)
    {
        Assert.Equal(wanted.Length, found.Length);
        return wanted.Zip(found).Average(static pair => Math.Abs(pair.First - (double)pair.Second)) / wanted.Average(
            static value => Math.Abs((double)value));
    }
}
