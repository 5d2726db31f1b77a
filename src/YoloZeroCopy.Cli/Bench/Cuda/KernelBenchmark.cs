using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using YoloZeroCopy.Cuda;

namespace YoloZeroCopy.Cli;

/// <summary>Our own kernels alone: replays of a graph of many launches, each on other memory than the one before, so that no cache holds what it
/// reads.</summary>
/// <remarks>On the device's thread. A launch's time includes the step from one node of a graph to the next, as it does in a lane.</remarks>
internal sealed unsafe class KernelBenchmark : IDisposable
{
    public const int Candidates = 300;

    // Several times what the largest cache of a GPU holds.
    private const long Footprint = 256L << 20;
    private const int LeastLaunches = 16;
    private const int MostSets = 64;

    private readonly CudaContext context;
    private readonly InferenceEngine engine;
    private readonly ModelInfo model;
    private readonly FrameFormat format;
    private readonly DecodeKernels decode;
    private readonly CudaStream stream;
    private readonly KernelSet kernels;
    private readonly List<IDisposable> made = [];

    public KernelBenchmark(CudaContext context, InferenceEngine engine, FrameFormat format, DecodingOptions decoding)
    {
        this.context = context;
        this.engine = engine;
        model = engine.Model;
        this.format = format;
        decode = DecodeKernels.For(engine, decoding);
        try
        {
            stream = Keep(new CudaStream(context));
            kernels = Keep(new KernelSet(context));
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Anchors of a picture's output.</summary>
    public int Anchors => decode.Anchors;

    /// <summary>Median microseconds of preprocessing a batch of frames.</summary>
    public double Preprocess(int batch, int repeats, CancellationToken stop)
    {
        long frameStep = CudaLaneMemory.Align(format.ByteCount);
        long tensorBytes = CudaLaneMemory.Align((long)batch * engine.InputBytes);
        int sets = SetsFor((batch * frameStep) + tensorBytes);
        using CudaDeviceMemory frames = Frames(sets * batch);
        using CudaDeviceMemory tensors = new(context, (nuint)(sets * tensorBytes));
        using CudaDeviceMemory pictures = Pictures(sets * batch, index => frames.Address.Value + (ulong)(index * frameStep));
        CudaKernel kernel = kernels.Get(PreprocessKernel.NameOf(model.InputType, engine.InputLayout));
        KernelGrid grid = PreprocessKernel.GridOf(model.InputWidth, model.InputHeight, batch);
        return Time(
            sets,
            repeats,
            set => Launch(kernel, grid, new PreprocessParameters(
                PictureOf(pictures, set * batch), tensors.Address.Value + (ulong)(set * tensorBytes), model.InputWidth, model.InputHeight)),
            stop);
    }

    /// <summary>Median microseconds of preprocessing in one launch with the engine's first layer.</summary>
    /// <param name="first">The launch.</param>
    /// <param name="on">The stream that it is bound to.</param>
    /// <param name="batch">Its batch.</param>
    /// <param name="repeats">Replays of the graph.</param>
    /// <param name="stop">Ends it.</param>
    public double Stem(KernelStep first, CudaStream on, int batch, int repeats, CancellationToken stop)
    {
        long frameStep = CudaLaneMemory.Align(format.ByteCount);
        int sets = SetsFor(batch * frameStep);
        using CudaDeviceMemory frames = Frames(sets * batch);
        using CudaDeviceMemory pictures = Pictures(sets * batch, index => frames.Address.Value + (ulong)(index * frameStep));
        return GraphTime.Measure(
            context, on, LaunchesOf(sets), repeats, launch => first.Enqueue(PictureOf(pictures, launch % sets * batch)), stop);
    }

    /// <summary>Median microseconds of decoding and suppression for a batch, and of decoding alone, and the candidates that the kernels found in its
    /// first picture.</summary>
    public (double Whole, double Scan, int Candidates) Decode(int batch, int repeats, CancellationToken stop)
    {
        long outputStep = CudaLaneMemory.Align((long)batch * engine.OutputBytes);
        long scratchStep = batch * decode.ScratchBytes;
        long resultStep = CudaLaneMemory.Align((long)batch * decode.ResultBytes);
        int sets = SetsFor(outputStep);
        using CudaDeviceMemory outputs = new(context, (nuint)(sets * outputStep));
        using CudaDeviceMemory scratch = new(context, (nuint)(sets * scratchStep));
        using CudaDeviceMemory results = new(context, (nuint)(sets * resultStep));
        stream.Fill(results.Address, 0, results.Bytes);
        for (int index = 0; index < batch; index++)
        {
            byte[] output = engine.Head is DetectionHead head
                ? SyntheticOutput.Make(head, Candidates, seed: index)
                : SyntheticOutput.Make(model, Candidates, seed: index);
            if (engine.GivesBestLogits)
            {
                ReplaceScores(engine.Head!, output);
            }

            for (int set = 0; set < sets; set++)
            {
                // All pictures of a part lie side by side.
                int at = 0;
                foreach (int bytes in PartBytes())
                {
                    long place = (set * outputStep) + ((long)batch * at) + ((long)index * bytes);
                    Upload(outputs.Address.Value + (ulong)place, output.AsSpan(at, bytes));
                    at += bytes;
                }
            }
        }

        using CudaDeviceMemory pictures = Pictures(batch, _ => outputs.Address.Value);
        CudaKernel scan = kernels.Get(decode.ScanName);
        CudaKernel rank = kernels.Get(decode.RankName);
        double median = Time(sets, repeats, set => decode.Launch(stream, scan, rank, ParametersOf(set), batch), stop);
        KernelResultHeader header;
        stream.CopyToHost(&header, results.Address, (nuint)sizeof(KernelResultHeader));
        stream.Synchronize();


        // Last, since nobody takes away what it finds.
        double first = Time(sets, repeats, set => decode.LaunchScan(stream, scan, ParametersOf(set), batch), stop);
        return (median, first, header.Candidates);

        DecodeParameters ParametersOf(int set) => decode.ParametersFor(
            PictureOf(pictures, 0),
            outputs.Address.Value + (ulong)(set * outputStep),
            scratch.Address.Value + (ulong)(set * scratchStep),
            results.Address.Value + (ulong)(set * resultStep));
    }

    public void Dispose()
    {
        for (int index = made.Count - 1; index >= 0; index--)
        {
            made[index].Dispose();
        }

        made.Clear();
    }

    /// <summary>Bytes of the parts of a picture's output: the maps of a head, or the one tensor.</summary>
    private int[] PartBytes() => engine.Head is DetectionHead head ? [.. head.Maps.Select(head.MapBytes)] : [model.OutputBytes];

    /// <summary>Best logits instead of the maps of scores, as a run on pictures leaves them.</summary>
    private static void ReplaceScores(DetectionHead head, Span<byte> output)
    {
        foreach (HeadMap map in head.Maps)
        {
            if (head.Levels.Any(level => level.Scores == map))
            {
                BestLogit.Replace(MemoryMarshal.Cast<byte, Half>(output[..head.MapBytes(map)]), head.ClassCount);
            }

            output = output[head.MapBytes(map)..];
        }
    }

    /// <summary>Frames of noise.</summary>
    private CudaDeviceMemory Frames(int count)
    {
        long step = CudaLaneMemory.Align(format.ByteCount);
        CudaDeviceMemory frames = new(context, (nuint)(count * step));
        try
        {
            byte[] noise = new byte[format.ByteCount];
            new Random(4).NextBytes(noise);
            for (int index = 0; index < count; index++)
            {
                Upload(frames.Address.Value + (ulong)(index * step), noise);
            }

            return frames;
        }
        catch
        {
            frames.Dispose();
            throw;
        }
    }

    private static int SetsFor(long setBytes) => (int)Math.Clamp((Footprint + setBytes - 1) / setBytes, 2, MostSets);

    private static ulong PictureOf(CudaDeviceMemory pictures, int index) => pictures.Address.Value
        + ((ulong)index * (ulong)Unsafe.SizeOf<KernelPicture>());

    private static int LaunchesOf(int sets) => (LeastLaunches + sets - 1) / sets * sets;

    private double Time(int sets, int repeats, Action<int> queue, CancellationToken stop) =>
        GraphTime.Measure(context, stream, LaunchesOf(sets), repeats, launch => queue(launch % sets), stop);

    private CudaDeviceMemory Pictures(int count, Func<int, ulong> addressOf)
    {
        Letterbox letterbox = new(format.Width, format.Height, model.InputWidth, model.InputHeight);
        KernelPicture[] pictures = new KernelPicture[count];
        for (int index = 0; index < count; index++)
        {
            pictures[index] = new KernelPicture(format, letterbox, addressOf(index));
        }

        ReadOnlySpan<byte> bytes = MemoryMarshal.AsBytes<KernelPicture>(pictures);
        CudaDeviceMemory memory = new(context, (nuint)bytes.Length);
        Upload(memory.Address.Value, bytes);
        return memory;
    }

    private void Upload(ulong address, ReadOnlySpan<byte> bytes)
    {
        fixed (byte* source = bytes)
        {
            stream.CopyToDevice(new CUdeviceptr(address), source, (nuint)bytes.Length);
            stream.Synchronize();
        }
    }

    private void Launch<T>(CudaKernel kernel, KernelGrid grid, in T parameters)
        where T : unmanaged =>
        kernel.Launch(stream, new CudaSize(grid.X, grid.Y, grid.Z), new CudaSize(grid.Threads), parameters);

    private T Keep<T>(T part)
        where T : IDisposable
    {
        made.Add(part);
        return part;
    }
}
