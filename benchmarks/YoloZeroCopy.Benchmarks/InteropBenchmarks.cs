using System.Runtime.InteropServices;
using BenchmarkDotNet.Attributes;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using YoloZeroCopy.Interop;

namespace YoloZeroCopy.Benchmarks;

/// <summary>What a call into native code costs: a function that does nearly nothing, and a run of a model that copies one number.</summary>
/// <remarks>Beside ours the same by ONNX Runtime's own managed library: bound once, and with tensors made for each call as most do.</remarks>
[MemoryDiagnoser]
public unsafe class InteropBenchmarks : IDisposable
{
    private const string InputName = "x";
    private const string OutputName = "y";

    // An ONNX model of one node: y of one number is x.
    private static readonly byte[] Model =
    [
        0x08, 7, 0x42, 2, 0x10, 12, 0x3A, 55, 0x0A, 16, 0x0A, 1, .. "x"u8, 0x12, 1, .. "y"u8, 0x22, 8, .. "Identity"u8, 0x12, 1, .. "g"u8,
        0x5A, 15, 0x0A, 1, .. "x"u8, 0x12, 10, 0x0A, 8, 0x08, 1, 0x12, 4, 0x0A, 2, 0x08, 1,
        0x62, 15, 0x0A, 1, .. "y"u8, 0x12, 10, 0x0A, 8, 0x08, 1, 0x12, 4, 0x0A, 2, 0x08, 1,
    ];

    private readonly float* tensors = (float*)NativeMemory.AllocZeroed(2 * sizeof(float));
    private readonly float[] managed = [1];
    private readonly OnnxRuntimeLibrary library = OnnxRuntimeLibrary.Load();
    private readonly nint status;
    private readonly OrtHandle session;
    private readonly OnnxRuntimeBinding binding;
    private readonly InferenceSession theirs;
    private readonly OrtIoBinding theirBinding;
    private readonly RunOptions theirOptions = new();

    public InteropBenchmarks()
    {
        fixed (byte* message = "benchmark"u8)
        {
            status = library.Api->CreateStatus(OrtErrorCode.Fail, message);
        }

        using (OrtHandle options = OnnxRuntimeSession.CreateOptions(library, "model", OrtGraphOptimizationLevel.EnableAll, threads: 1))
        {
            session = OnnxRuntimeSession.Open(library, ModelSource.InMemory(Model, "model"), options);
        }

        binding = OnnxRuntimeBinding.OnCpu(library, session);
        binding.BindInput(InputName, TensorElementType.Float32, [1], (nint)tensors);
        binding.BindOutput(OutputName, TensorElementType.Float32, [1], (nint)(tensors + 1));

        using SessionOptions theirSettings = new() { IntraOpNumThreads = 1 };
        theirs = new InferenceSession(Model, theirSettings);
        theirBinding = theirs.CreateIoBinding();
        using OrtValue input = OrtValue.CreateTensorValueFromMemory(managed, [1]);
        using OrtValue output = OrtValue.CreateTensorValueFromMemory(new float[1], [1]);
        theirBinding.BindInput(InputName, input);
        theirBinding.BindOutput(OutputName, output);
    }

    [Benchmark]
    public int Function_of_the_table() => (int)library.Api->GetErrorCode(status);

    [Benchmark(Baseline = true)]
    public void Run_by_the_library() => binding.Run();

    [Benchmark]
    public void Run_by_their_binding() => theirs.RunWithBinding(theirOptions, theirBinding);

    [Benchmark]
    public float Run_by_their_tensors()
    {
        DenseTensor<float> tensor = new(managed, [1]);
        using IDisposableReadOnlyCollection<DisposableNamedOnnxValue> outputs = theirs.Run([NamedOnnxValue.CreateFromTensor(InputName, tensor)]);
        return outputs[0].AsTensor<float>()[0];
    }

    [GlobalCleanup]
    public void Dispose()
    {
        binding.Dispose();
        session.Dispose();
        theirBinding.Dispose();
        theirs.Dispose();
        theirOptions.Dispose();
        library.Api->ReleaseStatus(status);
        NativeMemory.Free(tensors);
        GC.SuppressFinalize(this);
    }
}
