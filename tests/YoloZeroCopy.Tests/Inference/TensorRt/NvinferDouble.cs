using System.Runtime.InteropServices;

namespace YoloZeroCopy.Tests;

/// <summary>The test double of one TensorRT major: steered and watched through its extra exports.</summary>
internal sealed unsafe class NvinferDouble
{
    private readonly delegate* unmanaged<byte*, int, void> fail;
    private readonly delegate* unmanaged<long> live;
    private readonly delegate* unmanaged<long> misuses;
    private readonly delegate* unmanaged<byte*> misuse;
    private readonly delegate* unmanaged<void> reset;

    public NvinferDouble(int major)
    {
        Major = major;
        _ = TensorRtAssets.Shim(major);
        File = TensorRtAssets.Double(major);
        nint module = NativeLibrary.Load(File);
        fail = (delegate* unmanaged<byte*, int, void>)NativeLibrary.GetExport(module, "yzc_double_fail");
        live = (delegate* unmanaged<long>)NativeLibrary.GetExport(module, "yzc_double_live");
        misuses = (delegate* unmanaged<long>)NativeLibrary.GetExport(module, "yzc_double_misuses");
        misuse = (delegate* unmanaged<byte*>)NativeLibrary.GetExport(module, "yzc_double_misuse");
        reset = (delegate* unmanaged<void>)NativeLibrary.GetExport(module, "yzc_double_reset");
        reset();
    }

    public int Major { get; }

    public string File { get; }

    /// <summary>Objects that are not destroyed.</summary>
    public long Live => live();

    /// <summary>Lets the nth next call of a method fail.</summary>
    public void FailAt(string call, int nth)
    {
        fixed (byte* name = Interop.Utf8.Terminated(call))
        {
            fail(name, nth);
        }
    }

    /// <summary>Nothing is left, and no rule of TensorRT's was broken.</summary>
    public void CheckClean()
    {
        Assert.True(misuses() == 0, Interop.Utf8.Read(misuse(), 4096));
        Assert.Equal(0, Live);
        reset();
    }
}
