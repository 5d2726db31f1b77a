using System.Runtime.InteropServices;
using BenchmarkDotNet.Attributes;

namespace YoloZeroCopy.Benchmarks;

/// <summary>Decoding and suppression of one picture: the usual head of 84 x 8400, and an end-to-end one of 300 x 6.</summary>
/// <remarks><see cref="Read_the_output"/> is the floor: the time to read the output once.</remarks>
[MemoryDiagnoser]
public class DecodingBenchmarks
{
    private const int Anchors = 8400;
    private const int Classes = 80;

    private readonly Letterbox letterbox = new(1920, 1080, 640, 640);
    private readonly Detection[] detections = new Detection[300];
    private byte[] output = [];
    private DetectionDecoder decoder = null!;

    [Params(0, 100, 1000, 8400)]
    public int Candidates { get; set; }

    [Params("Float32", "Float16")]
    public string ElementType { get; set; } = "Float32";

    [GlobalSetup]
    public void Setup()
    {
        Random random = new(1);
        float[] values = new float[(4 + Classes) * Anchors];
        for (int anchor = 0; anchor < Anchors; anchor++)
        {
            values[anchor] = random.NextSingle() * 640;
            values[Anchors + anchor] = random.NextSingle() * 640;
            values[(2 * Anchors) + anchor] = 20 + (random.NextSingle() * 100);
            values[(3 * Anchors) + anchor] = 20 + (random.NextSingle() * 100);
            for (int classId = 0; classId < Classes; classId++)
            {
                values[((4 + classId) * Anchors) + anchor] = random.NextSingle() * 1e-3f;
            }
        }

        foreach (int anchor in Enumerable.Range(0, Anchors).OrderBy(_ => random.Next()).Take(Candidates))
        {
            values[((4 + random.Next(Classes)) * Anchors) + anchor] = 0.25f + (random.NextSingle() * 0.75f);
        }

        bool isHalf = ElementType == "Float16";
        output = isHalf ? MemoryMarshal.AsBytes(Array.ConvertAll(values, value => (Half)value).AsSpan()).ToArray()
            : MemoryMarshal.AsBytes(values.AsSpan()).ToArray();
        TensorElementType elementType = isHalf ? TensorElementType.Float16 : TensorElementType.Float32;
        decoder = new DetectionDecoder(OutputLayout.ChannelsFirst, 4 + Classes, Anchors, Classes, elementType, new DecodingOptions());
    }

    [Benchmark]
    public int Decode() => decoder.Decode(output, in letterbox, detections);

    [Benchmark(Baseline = true)]
    public int Read_the_output() => output.AsSpan().Count((byte)0x7F);
}

/// <summary>Decoding of an end-to-end output: 300 finished detections.</summary>
[MemoryDiagnoser]
public class EndToEndDecodingBenchmarks
{
    private readonly Letterbox letterbox = new(1920, 1080, 640, 640);
    private readonly Detection[] detections = new Detection[300];
    private readonly DetectionDecoder decoder = new(OutputLayout.EndToEnd, 300, 6, 80, TensorElementType.Float32, new DecodingOptions());
    private byte[] output = [];

    [GlobalSetup]
    public void Setup()
    {
        Random random = new(1);
        float[] values = new float[300 * 6];
        for (int row = 0; row < 300; row++)
        {
            float x = random.NextSingle() * 600;
            float y = random.NextSingle() * 600;
            new[] { x, y, x + 30, y + 30, 0.26f + (random.NextSingle() * 0.7f), random.Next(80) }.CopyTo(values, row * 6);
        }

        output = MemoryMarshal.AsBytes(values.AsSpan()).ToArray();
    }

    [Benchmark]
    public int Decode_end_to_end_output() => decoder.Decode(output, in letterbox, detections);
}
