using YoloZeroCopy.Interop;

namespace YoloZeroCopy.Tests;

/// <summary>That ONNX Runtime takes our operator in place of its own, on the CPU, where a callback stands for the kernel.</summary>
public sealed class OnnxRuntimeOperatorsTests : IDisposable
{
    private const int Elements = 2 * 3 * 5;

    private readonly ModelFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(1f)]
    [InlineData(1.702f)]
    public void Silu_of_a_model_is_computed_by_the_operator(float scale)
    {
        List<SiluParameters> calls = [];
        float[] result = Run(scale, call =>
        {
            Assert.Equal(TensorElementType.Float32, call.Type);
            Assert.Equal(0, call.Stream);
            calls.Add(call.Parameters);

            // Twice what is right, so that the result tells who computed it.
            ForEach(call.Parameters, (x, by) => 2 * x / (1 + MathF.Exp(-by * x)));
        });

        SiluParameters only = Assert.Single(calls);
        Assert.Equal((ulong)Elements, only.Elements);
        Assert.Equal(scale, only.Scale);
        for (int i = 0; i < Elements; i++)
        {
            float x = Input(i);
            Assert.Equal(2 * x / (1 + MathF.Exp(-scale * x)), result[i], 1e-6f);
        }
    }

    [Fact]
    public void An_exception_of_the_kernel_ends_the_run_with_its_words()
    {
        InferenceException error = Assert.Throws<InferenceException>(() => Run(1, _ => throw new InvalidOperationException("the kernel cannot run")));
        Assert.Contains("the kernel cannot run", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_old_runtime_does_without()
    {
        using OnnxRuntimeDoubles doubles = new();
        Assert.Null(OnnxRuntimeOperators.ForCpu(OnnxRuntimeLibrary.Load(doubles.Library("counting")), _ => { }));
    }

    private static float Input(int index) => (index - (Elements / 2)) * 0.7f;

    private static unsafe void ForEach(SiluParameters parameters, Func<float, float, float> compute)
    {
        for (int i = 0; i < (int)parameters.Elements; i++)
        {
            ((float*)parameters.Output)[i] = compute(((float*)parameters.Input)[i], parameters.Scale);
        }
    }

    private float[] Run(float scale, Action<SiluCall> compute)
    {
        string path = Model(scale);
        OnnxRuntimeLibrary library = OnnxRuntimeLibrary.Load();
        using OnnxRuntimeOperators operators = OnnxRuntimeOperators.ForCpu(library, compute)
            ?? throw new InvalidOperationException($"ONNX Runtime {library.Version} takes no operators.");
        using OrtHandle options = OnnxRuntimeSession.CreateOptions(library, path, OrtGraphOptimizationLevel.EnableAll, threads: 1);
        OnnxRuntimeSession.Check(library, path, operators.AddTo(options));
        using OrtHandle session = OnnxRuntimeSession.Open(library, path, options);
        using OnnxRuntimeBinding binding = OnnxRuntimeBinding.OnCpu(library, session);
        using AlignedBuffer<float> input = new(Elements);
        using AlignedBuffer<float> output = new(Elements);
        for (int i = 0; i < Elements; i++)
        {
            input.Span[i] = Input(i);
        }

        binding.BindInput("x", TensorElementType.Float32, [2, 3, 5], input.Address);
        binding.BindOutput("y", TensorElementType.Float32, [2, 3, 5], output.Address);
        binding.Run();
        return output.Span.ToArray();
    }

    private string Model(float scale)
    {
        OnnxModelBuilder model = new OnnxModelBuilder().Input("x", OnnxType.Float, 2, 3, 5).Output("y", OnnxType.Float, 2, 3, 5);
        if (scale != 1)
        {
            model = model.Constant("scale", [scale]).Node("Mul", ["x", "scale"], ["scaled"]);
        }

        return model
            .Node("Sigmoid", [scale == 1 ? "x" : "scaled"], ["gate"])
            .Node("Mul", ["x", "gate"], ["y"])
            .Save(folder.Path);
    }
}
