using System.Diagnostics;
using System.Runtime.InteropServices;
using YoloZeroCopy.Cuda;

namespace YoloZeroCopy;

/// <summary>
/// A lane on the processor that letterboxes each frame, runs the engine on the batch and decodes, with tensors of its own.
/// </summary>
internal sealed unsafe class CpuLane : ProcessorLane
{
    private const int TensorAlignment = 64;

    private static readonly CudaProfilerName PreprocessName = new("preprocess");
    private static readonly CudaProfilerName EngineName = new("engine");
    private static readonly CudaProfilerName DecodeName = new("decode");

    private readonly InferenceEngine engine;
    private readonly ModelInfo model;
    private readonly CpuPreprocessor preprocessor;
    private readonly OutputDecoder decoder;
    private readonly EngineContext?[] contexts;
    private readonly byte* input;
    private readonly byte* output;
    private readonly int inputBytes;

    public CpuLane(InferenceEngine engine, int maxBatch, DecodingOptions decoding, int number)
        : base(number)
    {
        this.engine = engine;
        model = engine.Model;
        int tensorBatch = model.FixedBatch == 0 ? maxBatch : model.FixedBatch;
        inputBytes = model.InputBytes;
        contexts = new EngineContext?[tensorBatch + 1];
        preprocessor = new CpuPreprocessor(model.InputWidth, model.InputHeight, model.InputType);
        decoder = OutputDecoder.For(engine, decoding);

        // Zeroed: rows of a fixed batch that no frame fills must hold numbers, too.
        input = Allocate((long)tensorBatch * inputBytes);
        output = Allocate((long)tensorBatch * engine.OutputBytes);
        StartThread();
    }

    /// <summary>
    /// Makes a context for every batch size, which costs next to nothing here, and runs the largest, so that a model that cannot run says so on
    /// opening.
    /// </summary>
    public override void Prepare(OpeningSteps steps)
    {
        for (int size = model.FixedBatch == 0 ? 1 : model.FixedBatch; size < contexts.Length; size++)
        {
            contexts[size] = engine.CreateContext(size, (nint)input, (nint)output, stream: 0);
        }

        contexts[^1]!.Enqueue();
        steps.Advance();
    }

    public override void Dispose()
    {
        base.Dispose();
        foreach (EngineContext? context in contexts)
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
        long start = Stopwatch.GetTimestamp();
        using (CudaProfiler.Range(PreprocessName))
        {
            for (int index = 0; index < current.Count; index++)
            {
                preprocessor.Run(current.Pixels(index), current.Format(index), new Span<byte>(input + ((long)index * inputBytes), inputBytes));
                current.ReleaseFrame(index);
            }
        }

        long preprocessed = Stopwatch.GetTimestamp();
        try
        {
            using CudaProfilerRange range = CudaProfiler.Range(EngineName);
            contexts[BatchOf(current)]!.Enqueue();
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
                Decode(current, index);
            }
        }

        long decoded = Stopwatch.GetTimestamp();
        current.Complete(
            new StageTimes(decoded - start, Preprocess: preprocessed - start, Inference: inferred - preprocessed, Decode: decoded - inferred));
    }

    /// <summary>Pictures of the engine's run.</summary>
    private int BatchOf(LaneBatch current) => model.FixedBatch == 0 ? current.Count : model.FixedBatch;

    private void Decode(LaneBatch current, int index)
    {
        FrameFormat format = current.Format(index);
        Letterbox letterbox = new(format.Width, format.Height, model.InputWidth, model.InputHeight);
        try
        {
            int count = decoder.Decode((nint)output, BatchOf(current), index, letterbox, current.Detections(index));
            current.SetResult(index, count);
        }
        catch (InferenceException error)
        {
            current.SetError(index, error);
        }
    }
}
