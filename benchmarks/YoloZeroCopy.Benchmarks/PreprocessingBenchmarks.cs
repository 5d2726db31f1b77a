using BenchmarkDotNet.Attributes;

namespace YoloZeroCopy.Benchmarks;

/// <summary>Letterbox, conversion and cast of one frame to a 640x640 tensor, beside a copy of exactly the bytes that this must touch.</summary>
/// <remarks>
/// The baseline copies (1) the used bytes of every frame row that the resized frame is made of, each row once, to one buffer, and (2) as many bytes
/// as the tensor has. A row with weight 0 is not counted, nor is a row's padding; of NV12 and P010 the chroma rows that belong to the rows count too,
/// of Bayer the rows above and below. dotnet run -c Release --project benchmarks/YoloZeroCopy.Benchmarks -- --filter '*Preprocessing*'
/// </remarks>
[MemoryDiagnoser]
public class PreprocessingBenchmarks
{
    private const int InputSize = 640;
    private readonly List<(int Start, int Length)> touched = [];
    private CpuPreprocessor preprocessor = null!;
    private FrameFormat format;
    private byte[] frame = [];
    private byte[] frameCopy = [];
    private byte[] tensor = [];
    private byte[] tensorCopy = [];

    /// <summary>The frame, and what it becomes.</summary>
    public enum Source
    {
        /// <summary>1920x1080 BGR to binary32.</summary>
        Bgr1080,

        /// <summary>1920x1080 BGR to binary16.</summary>
        Bgr1080ToHalf,

        /// <summary>3840x2160 BGR to binary32.</summary>
        Bgr2160,

        /// <summary>1600x1000 BGR to binary32: a scale that is no whole number, so that every row and column is mixed.</summary>
        Bgr1000,

        /// <summary>1920x1080 NV12 to binary32.</summary>
        Nv12At1080,

        /// <summary>1920x1080 P010 to binary32.</summary>
        P010At1080,

        /// <summary>1920x1080 in planes of blue, green and red to binary32.</summary>
        Planar1080,

        /// <summary>1920x1080 Bayer to binary32.</summary>
        Bayer1080,
    }

    [ParamsAllValues]
    public Source Frame { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        format = Frame switch
        {
            Source.Bgr2160 => new FrameFormat(PixelFormat.Bgr24, 3840, 2160),
            Source.Bgr1000 => new FrameFormat(PixelFormat.Bgr24, 1600, 1000),
            Source.Nv12At1080 => new FrameFormat(PixelFormat.Nv12, 1920, 1080),
            Source.P010At1080 => new FrameFormat(PixelFormat.P010, 1920, 1080),
            Source.Planar1080 => new FrameFormat(PixelFormat.BgrPlanar, 1920, 1080),
            Source.Bayer1080 => new FrameFormat(PixelFormat.BayerRggb8, 1920, 1080),
            _ => new FrameFormat(PixelFormat.Bgr24, 1920, 1080),
        };
        preprocessor =
            new CpuPreprocessor(InputSize, InputSize, Frame == Source.Bgr1080ToHalf ? TensorElementType.Float16 : TensorElementType.Float32);
        frame = new byte[format.ByteCount];
        new Random(1).NextBytes(frame);
        tensor = new byte[preprocessor.TensorBytes];
        tensorCopy = new byte[preprocessor.TensorBytes];
        FindTouchedRows();
        frameCopy = new byte[touched.Sum(row => row.Length)];
        Console.WriteLine($"// {Frame}: touches {frameCopy.Length} bytes of the frame and {tensor.Length} of the tensor");
    }

    [Benchmark(Baseline = true)]
    public void Copy_of_touched_bytes()
    {
        int position = 0;
        foreach ((int start, int length) in touched)
        {
            frame.AsSpan(start, length).CopyTo(frameCopy.AsSpan(position));
            position += length;
        }

        tensor.CopyTo(tensorCopy, 0);
    }

    [Benchmark]
    public void Preprocess() => preprocessor.Run(frame, format, tensor);

    private void FindTouchedRows()
    {
        ResamplePlan plan = new(new Letterbox(format.Width, format.Height, InputSize, InputSize), 1);
        SortedSet<int> rows = [];
        for (int y = 0; y < plan.Letterbox.Height; y++)
        {
            ResampledRow resampled = plan.RowAt(y);
            int last = resampled.LowerWeight == 0 ? resampled.Upper : resampled.Lower;
            for (int row = resampled.Upper; row <= last; row++)
            {
                _ = rows.Add(row);
                if (format.IsYuv)
                {
                    _ = rows.Add(format.Height + (row / 2));
                }
                else if (format.IsPlanar)
                {
                    _ = rows.Add(format.Height + row);
                    _ = rows.Add((2 * format.Height) + row);
                }
                else if (format.IsBayer)
                {
                    _ = rows.Add(Math.Max(row - 1, 0));
                    _ = rows.Add(Math.Min(row + 1, format.Height - 1));
                }
            }
        }

        touched.Clear();
        touched.AddRange(rows.Select(row => (row * format.Stride, format.RowBytes)));
    }
}
