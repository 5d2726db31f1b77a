namespace YoloZeroCopy.Tests;

/// <summary>Fails every single call of the runtime once, with a stand-in library that counts what it hands out.</summary>
public sealed class OnnxRuntimeLeakTests(OnnxRuntimeDoubles doubles) : IClassFixture<OnnxRuntimeDoubles>, IDisposable
{
    private readonly ModelFolder folder = new();

    public void Dispose() => folder.Dispose();

    // The second is of a version that tells what a run took of memory; of the first it is reckoned.
    [Theory]
    [InlineData("counting", 5 * 3 * 64 * 64 * sizeof(float))]
    [InlineData("operators", 1200)]
    public void Nothing_leaks_whichever_call_fails(string version, int activationBytes)
    {
        string library = doubles.Library(version);
        string model = folder.File("model.onnx");
        File.WriteAllText(model, "the stand-in does not read it");
        OnnxRuntimeDouble runtime = new(library);
        using AlignedBuffer<float> input = new(3 * 64 * 64);
        using AlignedBuffer<float> output = new(7 * 84);
        runtime.FailAt(0);
        Use();
        long all = runtime.Calls;
        Assert.InRange(all, 60, 200);
        Assert.Equal(0, runtime.Live);

        int failures = 0;
        for (long call = 1; call <= all; call++)
        {
            runtime.FailAt(call);
            try
            {
                Use();
            }
            catch (YoloZeroCopyException error)
            {
                failures++;
                Assert.Contains("told to fail", error.Message, StringComparison.Ordinal);
                Assert.True(error is ModelException or InferenceException, $"{error.GetType()} at call {call}.");
            }

            Assert.True(runtime.Live == 0, $"{runtime.Live} objects leaked when call {call} of {all} failed.");
        }

        // Only a failure to free is passed over.
        Assert.InRange(failures, all / 2, all - 1);
        Assert.Equal(0, runtime.BadFrees);

        void Use()
        {
            using OnnxRuntimeEngine engine = OnnxRuntimeEngine.Open(model, new OnnxRuntimeOptions { LibraryPath = library, Threads = 1 });
            Assert.Equal((7, 84), engine.Model.OutputShape);
            Assert.Equal(2 * 4 * (activationBytes + (activationBytes / 12)), engine.Plan([4], streams: 2)[1].Bytes);
            using EngineContext context = engine.CreateContext(1, input.Address, output.Address, 0);
            context.Enqueue();
        }
    }

    [Fact]
    public void A_failed_run_leaves_the_context_usable()
    {
        string library = doubles.Library("counting");
        string model = folder.File("model.onnx");
        File.WriteAllText(model, "the stand-in does not read it");
        OnnxRuntimeDouble runtime = new(library);
        using AlignedBuffer<float> input = new(3 * 64 * 64);
        using AlignedBuffer<float> output = new(7 * 84);
        runtime.FailAt(0);
        using (OnnxRuntimeEngine engine = OnnxRuntimeEngine.Open(model, new OnnxRuntimeOptions { LibraryPath = library, Threads = 1 }))
        using (EngineContext context = engine.CreateContext(1, input.Address, output.Address, 0))
        {
            runtime.FailAt(1);
            InferenceException error = Assert.Throws<InferenceException>(() => context.Enqueue());
            Assert.Equal("ONNX Runtime: told to fail (code 1, Fail)", error.Message);
            context.Enqueue();
        }

        Assert.Equal(0, runtime.Live);
    }
}
