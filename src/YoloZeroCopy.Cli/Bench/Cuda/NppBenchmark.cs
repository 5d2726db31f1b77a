using System.Runtime.InteropServices;
using YoloZeroCopy.Cli.Interop;
using YoloZeroCopy.Cuda;

namespace YoloZeroCopy.Cli;

/// <summary>Preprocessing by NPP, function by function, beside the library's one kernel: how long both take, and how far their pixels are
/// apart.</summary>
/// <remarks>On the device's thread.</remarks>
internal static unsafe class NppBenchmark
{
    private const int GraphLaunches = 16;

    private static readonly PixelFormat[] Formats = [PixelFormat.Bgr24, PixelFormat.Nv12, PixelFormat.BayerRggb8];

    public static NppSection Run(CudaContext context, ModelInfo model, (int Width, int Height) frame, int repeats, CancellationToken stop)
    {
        Npp npp;
        try
        {
            npp = Npp.Load();
        }
        catch (InvalidOperationException error)
        {
            return new NppSection([], error.Message);
        }

        List<NppRow> rows = [];
        foreach (PixelFormat pixels in Formats)
        {
            stop.ThrowIfCancellationRequested();
            FrameFormat format = new(pixels, frame.Width, frame.Height);
            try
            {
                rows.Add(Measure(context, npp, model, format, repeats, stop));
            }
            catch (InvalidOperationException error)
            {
                return new NppSection(rows, $"{format}: {error.Message}");
            }
        }

        return new NppSection(rows, null);
    }

    private static NppRow Measure(CudaContext context, Npp npp, ModelInfo model, FrameFormat format, int repeats, CancellationToken stop)
    {
        using CudaStream stream = new(context);
        byte[] pixels = Picture(format);
        using CudaDeviceMemory frame = new(context, (nuint)format.ByteCount);
        Upload(stream, frame.Address, pixels);

        using KernelSet kernels = new(context);
        CudaKernel kernel = kernels.Get(PreprocessKernel.NameOf(TensorElementType.Float32));
        KernelGrid grid = PreprocessKernel.GridOf(model.InputWidth, model.InputHeight, batch: 1);
        Letterbox letterbox = new(format.Width, format.Height, model.InputWidth, model.InputHeight);
        KernelPicture[] described = [new KernelPicture(format, letterbox, frame.Address.Value)];
        using CudaDeviceMemory picture = new(context, (nuint)sizeof(KernelPicture));
        Upload(stream, picture.Address, MemoryMarshal.AsBytes<KernelPicture>(described));
        int tensorBytes = 3 * sizeof(float) * model.InputWidth * model.InputHeight;
        using CudaDeviceMemory tensor = new(context, (nuint)tensorBytes);
        PreprocessParameters parameters = new(picture.Address.Value, tensor.Address.Value, model.InputWidth, model.InputHeight);
        void Fused(int launch) => kernel.Launch(stream, new CudaSize(grid.X, grid.Y, grid.Z), new CudaSize(grid.Threads), parameters);

        using NppChain chain = new(npp, stream, format, letterbox, (model.InputWidth, model.InputHeight), frame.Address.Value);
        void Chain(int launch) => chain.Queue();

        SoloTime fused = SoloTime.Measure(context, stream, WaitMode.Spin, repeats, Fused, stop);
        SoloTime byNpp = SoloTime.Measure(context, stream, WaitMode.Spin, repeats, Chain, stop);
        double fusedInGraph = GraphTime.Measure(context, stream, GraphLaunches, repeats, Fused, stop);
        double? nppInGraph = TryMeasureGraph(context, stream, repeats, Chain, stop);

        // The processor's tensor is the kernel's to the bit.
        CpuPreprocessor preprocessor = new(model.InputWidth, model.InputHeight, TensorElementType.Float32);
        byte[] wanted = new byte[tensorBytes];
        preprocessor.Run(pixels, format, wanted);
        byte[] given = new byte[tensorBytes];
        fixed (byte* target = given)
        {
            stream.CopyToHost(target, chain.Tensor, (nuint)tensorBytes);
            stream.Synchronize();
        }

        (double mean, double most) = Difference(MemoryMarshal.Cast<byte, float>(wanted), MemoryMarshal.Cast<byte, float>(given));
        return new NppRow(format, chain.Launches, fused, byNpp, fusedInGraph, nppInGraph, mean, most);
    }

    // A function that waits for the device or allocates cannot be captured.
    private static double? TryMeasureGraph(CudaContext context, CudaStream stream, int repeats, Action<int> queue, CancellationToken stop)
    {
        try
        {
            return GraphTime.Measure(context, stream, GraphLaunches, repeats, queue, stop);
        }
        catch (Exception error) when (error is InvalidOperationException or CudaException { IsSticky: false })
        {
            return null;
        }
    }

    private static (double Mean, double Most) Difference(ReadOnlySpan<float> wanted, ReadOnlySpan<float> given)
    {
        double sum = 0;
        double most = 0;
        for (int index = 0; index < wanted.Length; index++)
        {
            double difference = Math.Abs((double)wanted[index] - given[index]) * 255;
            sum += difference;
            most = Math.Max(most, difference);
        }

        return (sum / wanted.Length, most);
    }

    // Soft, as what cameras see mostly is: noise would show the worst that two ways of resizing can differ by.
    private static byte[] Picture(FrameFormat format)
    {
        byte[] pixels = new byte[format.ByteCount];
        for (int row = 0; row < format.Rows; row++)
        {
            for (int at = 0; at < format.RowBytes; at++)
            {
                // The parts of a pixel, and the colours of a filter, differ little from their neighbours.
                double wave = Math.Sin((at / 61.0) + 1) * Math.Cos(row / 43.0);
                pixels[(row * format.Stride) + at] = (byte)(128 + (90 * wave));
            }
        }

        return pixels;
    }

    private static void Upload(CudaStream stream, CUdeviceptr address, ReadOnlySpan<byte> bytes)
    {
        fixed (byte* source = bytes)
        {
            stream.CopyToDevice(address, source, (nuint)bytes.Length);
            stream.Synchronize();
        }
    }
}

/// <summary>A model's input by NPP: colour, resize into a padded picture, to single precision, to planes.</summary>
internal sealed unsafe class NppChain : IDisposable
{
    private const byte Padding = 114;

    private readonly Npp npp;
    private readonly NppStream stream;
    private readonly FrameFormat format;
    private readonly Letterbox letterbox;
    private readonly NppSize input;
    private readonly ulong frame;
    private readonly CudaDeviceMemory memory;
    private readonly ulong colored;
    private readonly ulong padded;
    private readonly ulong floats;

    public NppChain(Npp npp, CudaStream stream, FrameFormat format, in Letterbox letterbox, (int Width, int Height) input, ulong frame)
    {
        this.npp = npp;
        this.stream = new NppStream(stream);
        this.format = format;
        this.letterbox = letterbox;
        this.input = new NppSize(input.Width, input.Height);
        this.frame = frame;
        long coloredBytes = CudaLaneMemory.Align(3L * format.Width * format.Height);
        long paddedBytes = CudaLaneMemory.Align(3L * input.Width * input.Height);
        long floatBytes = CudaLaneMemory.Align(3L * sizeof(float) * input.Width * input.Height);
        memory = new CudaDeviceMemory(stream.Context, (nuint)(coloredBytes + paddedBytes + (2 * floatBytes)));
        colored = memory.Address.Value;
        padded = colored + (ulong)coloredBytes;
        floats = padded + (ulong)paddedBytes;
        Tensor = new CUdeviceptr(floats + (ulong)floatBytes);
        stream.Fill(new CUdeviceptr(padded), Padding, (nuint)paddedBytes);
        stream.Synchronize();
    }

    /// <summary>Where the tensor is.</summary>
    public CUdeviceptr Tensor { get; }

    /// <summary>Functions that are called for a frame.</summary>
    public int Launches => format.PixelFormat == PixelFormat.Bgr24 ? 3 : 4;

    public void Queue()
    {
        NppSize size = new(format.Width, format.Height);
        NppRectangle whole = new(0, 0, format.Width, format.Height);
        ulong source = colored;
        int step = 3 * format.Width;
        switch (format.PixelFormat)
        {
            case PixelFormat.Nv12:
                ulong* planes = stackalloc ulong[2] { frame, frame + ((ulong)format.Stride * (ulong)format.Height) };
                Npp.Check(npp.Nv12ToRgb(planes, format.Stride, colored, step, size, stream), "the colours of NV12");
                break;
            case PixelFormat.BayerRggb8:
                Npp.Check(
                    npp.BayerToRgb(frame, format.Stride, size, whole, colored, step, Npp.BayerRggb, 0, stream), "the colours of a Bayer pattern");
                break;
            default:
                (source, step) = (frame, format.Stride);
                break;
        }

        int paddedStep = 3 * input.Width;
        ulong place = padded + (ulong)((letterbox.Top * paddedStep) + (3 * letterbox.Left));
        NppSize resized = new(letterbox.Width, letterbox.Height);
        Npp.Check(
            npp.Resize(
                source, step, size, whole, place, paddedStep, resized, new NppRectangle(0, 0, letterbox.Width, letterbox.Height),
                Npp.LinearInterpolation, stream),
            "resizing");
        int floatStep = paddedStep * sizeof(float);
        Npp.Check(npp.Scale(padded, paddedStep, floats, floatStep, input, 0, 1, stream), "scaling to single precision");

        // Red first: the planes of a frame in BGR are given in the opposite order, which saves a function.
        ulong planeBytes = (ulong)sizeof(float) * (ulong)input.Width * (ulong)input.Height;
        bool isBgr = format.PixelFormat == PixelFormat.Bgr24;
        ulong tensor = Tensor.Value;
        ulong* targets = stackalloc ulong[3]
        {
            tensor + (isBgr ? 2 * planeBytes : 0), tensor + planeBytes, tensor + (isBgr ? 0 : 2 * planeBytes),
        };
        Npp.Check(npp.ToPlanes(floats, floatStep, targets, sizeof(float) * input.Width, input, stream), "parting the planes");
    }

    public void Dispose() => memory.Dispose();
}
