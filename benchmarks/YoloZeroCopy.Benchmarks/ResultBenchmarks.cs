using System.Drawing;
using BenchmarkDotNet.Attributes;

namespace YoloZeroCopy.Benchmarks;

/// <summary>What each way of reading a result costs, with 20 detections of 4 classes in it.</summary>
[MemoryDiagnoser]
public class ResultBenchmarks : IDisposable
{
    private static readonly ModelInfo Model = ModelInfo.OfClasses("bolt", "nut", "washer", "gear");
    private static readonly FrameFormat Format = new(PixelFormat.Bgr24, 640, 480);

    private readonly DetectionResult result = DetectionResult.Create(
        Model,
        Format,
        [
            .. Enumerable.Range(0, 20).Select(
                static number => new Detection(number % 4, 0.9f - (number * 0.02f), number, number, number + 50, number + 40)),
        ]);

    [Benchmark(Baseline = true)]
    public float Span()
    {
        float sum = 0;
        foreach (ref readonly Detection found in result.Detections)
        {
            sum += found.X1;
        }

        return sum;
    }

    [Benchmark]
    public float Class_by_id()
    {
        float sum = 0;
        foreach (ref readonly Detection found in result.OfClass(3))
        {
            sum += found.X1;
        }

        return sum;
    }

    [Benchmark]
    public float Class_by_name()
    {
        float sum = 0;
        foreach (ref readonly Detection found in result.OfClass("gear"))
        {
            sum += found.X1;
        }

        return sum;
    }

    [Benchmark]
    public float Label_file_form()
    {
        float sum = 0;
        foreach (ref readonly Detection found in result.Detections)
        {
            (float x, float y, float width, float height) = found.ToXywhn(Format);
            sum += x + y + width + height;
        }

        return sum;
    }

    [Benchmark]
    public int Crop_rectangle()
    {
        int sum = 0;
        foreach (ref readonly Detection found in result.Detections)
        {
            Rectangle cut = found.CropRectangle(Format);
            sum += cut.Width;
        }

        return sum;
    }

    [Benchmark]
    public Detection[] Array() => result.ToArray();

    [Benchmark]
    public string Text() => result.ToString();

    [GlobalCleanup]
    public void Dispose()
    {
        result.Dispose();
        GC.SuppressFinalize(this);
    }
}
