using System.Runtime.InteropServices;

namespace YoloZeroCopy.Tests;

/// <summary>Fails every single call of the runtime once, with a stand-in library that counts what it hands out.</summary>
public sealed unsafe class OnnxRuntimeLeakTests(OnnxRuntimeDoubles doubles) : IClassFixture<OnnxRuntimeDoubles>, IDisposable
{
    private readonly ModelFolder folder = new();

    public void Dispose() => folder.Dispose();

    [SkippableFact]
    public void Nothing_leaks_whichever_call_fails()
    {
        string library = doubles.Library("counting");
        string model = folder.File("model.onnx");
        File.WriteAllText(model, "the stand-in does not read it");
        nint module = NativeLibrary.Load(library);
        delegate* unmanaged<long> live = (delegate* unmanaged<long>)NativeLibrary.GetExport(module, "yzc_double_live");
        delegate* unmanaged<long> calls = (delegate* unmanaged<long>)NativeLibrary.GetExport(module, "yzc_double_calls");
        delegate* unmanaged<long> badFrees = (delegate* unmanaged<long>)NativeLibrary.GetExport(module, "yzc_double_bad_frees");
        delegate* unmanaged<long, void> failAt = (delegate* unmanaged<long, void>)NativeLibrary.GetExport(module, "yzc_double_fail_at");

        using AlignedBuffer<float> input = new(3 * 64 * 64);
        using AlignedBuffer<float> output = new(7 * 84);
        failAt(0);
        Use();
        long all = calls();
        Assert.InRange(all, 60, 200);
        Assert.Equal(0, live());

        int failures = 0;
        for (long call = 1; call <= all; call++)
        {
            failAt(call);
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

            Assert.True(live() == 0, $"{live()} objects leaked when call {call} of {all} failed.");
        }

        // Only a failure to free is passed over.
        Assert.InRange(failures, all / 2, all - 1);
        Assert.Equal(0, badFrees());

        void Use()
        {
            using OnnxRuntimeEngine engine = OnnxRuntimeEngine.Open(model, new OnnxRuntimeOptions { LibraryPath = library, Threads = 1 });
            Assert.Equal((7, 84), engine.Model.OutputShape);
            using EngineContext context = engine.CreateContext(1, input.Address, output.Address);
            context.Enqueue(0);
        }
    }

    [SkippableFact]
    public void A_failed_run_leaves_the_context_usable()
    {
        string library = doubles.Library("counting");
        string model = folder.File("model.onnx");
        File.WriteAllText(model, "the stand-in does not read it");
        nint module = NativeLibrary.Load(library);
        delegate* unmanaged<long> live = (delegate* unmanaged<long>)NativeLibrary.GetExport(module, "yzc_double_live");
        delegate* unmanaged<long, void> failAt = (delegate* unmanaged<long, void>)NativeLibrary.GetExport(module, "yzc_double_fail_at");
        using AlignedBuffer<float> input = new(3 * 64 * 64);
        using AlignedBuffer<float> output = new(7 * 84);
        failAt(0);
        using (OnnxRuntimeEngine engine = OnnxRuntimeEngine.Open(model, new OnnxRuntimeOptions { LibraryPath = library, Threads = 1 }))
        using (EngineContext context = engine.CreateContext(1, input.Address, output.Address))
        {
            failAt(1);
            InferenceException error = Assert.Throws<InferenceException>(() => context.Enqueue(0));
            Assert.Equal("ONNX Runtime: told to fail (code 1, Fail)", error.Message);
            context.Enqueue(0);
        }

        Assert.Equal(0, live());
    }
}
