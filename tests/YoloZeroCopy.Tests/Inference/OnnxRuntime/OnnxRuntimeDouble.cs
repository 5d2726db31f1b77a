using System.Runtime.InteropServices;

namespace YoloZeroCopy.Tests;

/// <summary>The controls of the counting stand-in for ONNX Runtime (native/tests/onnxruntime_double/counting.c).</summary>
internal sealed unsafe class OnnxRuntimeDouble
{
    private readonly delegate* unmanaged<long> live;
    private readonly delegate* unmanaged<long> calls;
    private readonly delegate* unmanaged<long> badFrees;
    private readonly delegate* unmanaged<long, void> failAt;
    private readonly delegate* unmanaged<byte*, byte*, long, void> failStep;
    private readonly delegate* unmanaged<byte*> said;

    public OnnxRuntimeDouble(string library)
    {
        nint module = NativeLibrary.Load(library);
        live = (delegate* unmanaged<long>)NativeLibrary.GetExport(module, "yzc_double_live");
        calls = (delegate* unmanaged<long>)NativeLibrary.GetExport(module, "yzc_double_calls");
        badFrees = (delegate* unmanaged<long>)NativeLibrary.GetExport(module, "yzc_double_bad_frees");
        failAt = (delegate* unmanaged<long, void>)NativeLibrary.GetExport(module, "yzc_double_fail_at");
        failStep = (delegate* unmanaged<byte*, byte*, long, void>)NativeLibrary.GetExport(module, "yzc_double_fail_step");
        said = (delegate* unmanaged<byte*>)NativeLibrary.GetExport(module, "yzc_double_said");
        FailAt(0);
    }

    /// <summary>Objects handed out and not yet given back.</summary>
    public long Live => live();

    /// <summary>Calls that can fail since the last <see cref="FailAt"/>.</summary>
    public long Calls => calls();

    /// <summary>Nulls handed to a release function.</summary>
    public long BadFrees => badFrees();

    /// <summary>What was called and told about CUDA since the last <see cref="FailAt"/>.</summary>
    public string[] Said => Marshal.PtrToStringUTF8((nint)said())!.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>Begins anew and fails the call of that number; 0 for none.</summary>
    public void FailAt(long call) => failAt(call);

    /// <summary>Fails a step of CUDA some times, with these words.</summary>
    public void FailStep(string step, string message, long times = long.MaxValue)
    {
        nint stepText = Marshal.StringToCoTaskMemUTF8(step);
        nint messageText = Marshal.StringToCoTaskMemUTF8(message);
        failStep((byte*)stepText, (byte*)messageText, times);
        Marshal.FreeCoTaskMem(stepText);
        Marshal.FreeCoTaskMem(messageText);
    }
}
