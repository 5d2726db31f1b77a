using System.Runtime.InteropServices;
using YoloZeroCopy.Cuda.Tests;

namespace YoloZeroCopy.Tests;

/// <summary>The stand-in for cuDNN (native/tests/cudnn_double), in a file of its own, so that it has a state of its own.</summary>
internal sealed unsafe class CudnnDouble
{
    private readonly nint module;

    public CudnnDouble(CompiledSources sources)
    {
        File = sources.Library("cudnn_double/cudnn_double.c", "-lm");
        module = NativeLibrary.Load(File);
    }

    public string File { get; }

    /// <summary>A search that finds it and nothing else.</summary>
    public CudnnSearch Search => new() { Variable = File, ApplicationDirectory = Path.GetDirectoryName(File)!, UseSystem = false };

    public CudnnLibrary Library => CudnnLibrary.Load(Search);

    /// <summary>Descriptors and handles that nobody gave back.</summary>
    public long Live => Get("descriptors") + Get("handles");

    /// <summary>A count: descriptors, handles, compiled, stored, executed.</summary>
    public long Get(string name) => WithText(name, text => ((delegate* unmanaged<byte*, long>)Export("yzc_get"))((byte*)text));

    /// <summary>
    /// Sets version, configs (how many ways the heuristics propose), computes (0: runs are checked and counted only), or held (1: whoever compiles
    /// waits until it is 0 again), workspace (bytes that a plan works in; 256 for none or few).
    /// </summary>
    public void Set(string name, long value) => WithText(name, text =>
    {
        ((delegate* unmanaged<byte*, long, void>)Export("yzc_set"))((byte*)text, value);
        return 0;
    });

    /// <summary>Lets the nth call from now of a function answer a status; 0 takes the order back.</summary>
    public void Fail(string function, int nth = 1, int status = 4000) => WithText(function, text =>
    {
        ((delegate* unmanaged<byte*, int, int, void>)Export("yzc_fail"))((byte*)text, nth, status);
        return 0;
    });

    private static long WithText(string text, Func<nint, long> use)
    {
        nint bytes = Marshal.StringToCoTaskMemUTF8(text);
        try
        {
            return use(bytes);
        }
        finally
        {
            Marshal.FreeCoTaskMem(bytes);
        }
    }

    private nint Export(string name) => NativeLibrary.GetExport(module, name);
}
