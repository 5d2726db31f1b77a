using System.Runtime.InteropServices;
using System.Text;
using YoloZeroCopy.Cuda.Interop;

namespace YoloZeroCopy.Cuda.Tests;

/// <summary>The stand-in for nvJPEG (native/tests/nvjpeg_double), in a file of its own, so that it has a state of its own.</summary>
internal sealed unsafe class JpegDouble
{
    private readonly nint module;

    public JpegDouble(CompiledSources sources, params string[] options)
    {
        File = sources.Library("nvjpeg_double/nvjpeg_double.c", options);
        module = NativeLibrary.Load(File);
    }

    public string File { get; }

    public JpegApi Api => field ??= JpegApi.Open([File]).Api!;

    public string Misuse => Marshal.PtrToStringUTF8((nint)((delegate* unmanaged<byte*>)Export("yzc_misuse"))())!;

    /// <summary>The JPEG that it was given last.</summary>
    public byte[] Last => new ReadOnlySpan<byte>(((delegate* unmanaged<byte*>)Export("yzc_last"))(), (int)Get("last")).ToArray();

    /// <summary>A count: handles and states that are alive, decoded.</summary>
    public long Get(string name)
    {
        fixed (byte* text = Text(name))
        {
            return ((delegate* unmanaged<byte*, long>)Export("yzc_get"))(text);
        }
    }

    /// <summary>Sets engines: 0 for a device without JPEG engines.</summary>
    public void Set(string name, long value)
    {
        fixed (byte* text = Text(name))
        {
            ((delegate* unmanaged<byte*, long, void>)Export("yzc_set"))(text, value);
        }
    }

    /// <summary>Lets the nth call from now of a function answer a status; 0 takes the order back.</summary>
    public void Fail(string function, NvjpegStatus status, int nth = 1)
    {
        fixed (byte* text = Text(function))
        {
            ((delegate* unmanaged<byte*, int, int, void>)Export("yzc_fail"))(text, nth, (int)status);
        }
    }

    /// <summary>Nothing lives, and nothing was used after its release.</summary>
    public void AssertClean()
    {
        Assert.Equal("", Misuse);
        Assert.Equal((0L, 0L), (Get("handles"), Get("states")));
    }

    private static byte[] Text(string text) => [.. Encoding.UTF8.GetBytes(text), 0];

    private nint Export(string name) => NativeLibrary.GetExport(module, name);
}
