using System.Diagnostics;
using System.Runtime.InteropServices;
using YoloZeroCopy.Cuda;

namespace YoloZeroCopy;

/// <summary>
/// A lane on the processor that letterboxes each frame, runs the engine on the batch and decodes, with tensors of its own, which all input sizes
/// share.
/// </summary>
internal sealed unsafe class CpuLane : ProcessorLane
{
    private const int TensorAlignment = 64;

    private static readonly CudaProfilerName PreprocessName = new("preprocess");
    private static readonly CudaProfilerName EngineName = new("engine");
    private static readonly CudaProfilerName DecodeName = new("decode");

    private readonly SizedParts[] sizes;
    private readonly byte* input;
    private readonly byte* output;

    public CpuLane(InferenceEngine engine, int maxBatch, DecodingOptions decoding, int number)
        : base(number)
    {
        sizes = [.. engine.AtSizes.Select(sized => new SizedParts(sized, maxBatch, decoding))];

        // Zeroed: rows of a fixed batch that no frame fills must hold numbers, too.
        input = Allocate(sizes.Max(static size => (long)size.TensorBatch * size.Model.InputBytes));
        output = Allocate(sizes.Max(static size => (long)size.TensorBatch * size.Engine.OutputBytes));
        StartThread();
    }

    /// <summary>
    /// Makes a context for every batch and input size, which costs next to nothing here, and runs the largest batches, so that a model that cannot
    /// run says so on opening.
    /// </summary>
    public override void Prepare(OpeningSteps steps)
    {
        foreach (SizedParts size in Enumerable.Reverse(sizes))
        {
            for (int batch = size.Model.FixedBatch == 0 ? 1 : size.Model.FixedBatch; batch < size.Contexts.Length; batch++)
            {
                size.Contexts[batch] = size.Engine.CreateContext(batch, (nint)input, (nint)output, stream: 0);
            }

            // What the runtime takes for the largest size, the smaller ones find there.
            size.Contexts[^1]!.Enqueue();
        }

        steps.Advance();
    }

    public override void Dispose()
    {
        base.Dispose();
        foreach (EngineContext? context in sizes.SelectMany(static size => size.Contexts))
        {
            context?.Dispose();
        }

        NativeMemory.AlignedFree(input);
        NativeMemory.AlignedFree(output);
    }

    private static byte* Allocate(long byteCount)
    {
        byte* address = (byte*)NativeMemory.AlignedAlloc((nuint)byteCount, TensorAlignment);
        NativeMemory.Clear(address, (nuint)byteCount);
        return address;
    }

    protected override void RunBatch(LaneBatch current)
    {
        SizedParts size = sizes[current.SizeIndex];
        long start = Stopwatch.GetTimestamp();
        using (CudaProfiler.Range(PreprocessName))
        {
            for (int index = 0; index < current.Count; index++)
            {
                int inputBytes = size.Model.InputBytes;
                size.Preprocessor.Run(
                    current.Pixels(index), current.Format(index), new Span<byte>(input + ((long)index * inputBytes), inputBytes));
                current.ReleaseFrame(index);
            }
        }

        long preprocessed = Stopwatch.GetTimestamp();
        try
        {
            using CudaProfilerRange range = CudaProfiler.Range(EngineName);
            size.Contexts[size.BatchOf(current)]!.Enqueue();
        }
        catch (InferenceException error)
        {
            for (int index = 0; index < current.Count; index++)
            {
                current.SetError(index, error);
            }

            long failed = Stopwatch.GetTimestamp();
            current.Complete(new StageTimes(failed - start, Preprocess: preprocessed - start, Inference: failed - preprocessed));
            return;
        }

        long inferred = Stopwatch.GetTimestamp();
        using (CudaProfiler.Range(DecodeName))
        {
            for (int index = 0; index < current.Count; index++)
            {
                Decode(size, current, index);
            }
        }

        long decoded = Stopwatch.GetTimestamp();
        current.Complete(
            new StageTimes(decoded - start, Preprocess: preprocessed - start, Inference: inferred - preprocessed, Decode: decoded - inferred));
    }

    private void Decode(SizedParts size, LaneBatch current, int index)
    {
        FrameFormat format = current.Format(index);
        Letterbox letterbox = new(format.Width, format.Height, size.Model.InputWidth, size.Model.InputHeight);
        try
        {
            int count = size.Decoder.Decode((nint)output, size.BatchOf(current), index, letterbox, current.Detections(index));
            current.SetResult(index, count);
        }
        catch (InferenceException error)
        {
            current.SetError(index, error);
        }
    }

    /// <summary>What depends on the input size.</summary>
    private sealed class SizedParts(InferenceEngine engine, int maxBatch, DecodingOptions decoding)
    {
        public InferenceEngine Engine => engine;

        public ModelInfo Model { get; } = engine.Model;

        public CpuPreprocessor Preprocessor { get; } = new(engine.Model.InputWidth, engine.Model.InputHeight, engine.Model.InputType);

        public OutputDecoder Decoder { get; } = OutputDecoder.For(engine, decoding);

        /// <summary>Contexts by batch size.</summary>
        public EngineContext?[] Contexts { get; } = new EngineContext?[(engine.Model.FixedBatch == 0 ? maxBatch : engine.Model.FixedBatch) + 1];

        public int TensorBatch => Contexts.Length - 1;

        /// <summary>Pictures of the engine's run.</summary>
        public int BatchOf(LaneBatch current) => Model.FixedBatch == 0 ? current.Count : Model.FixedBatch;
    }
}
