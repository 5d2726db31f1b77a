using System.Runtime.InteropServices;
using System.Text;
using YoloZeroCopy.Cuda.Interop;

namespace YoloZeroCopy.Cuda.Tests;

/// <summary>
/// One loaded stand-in driver with a state of its own, and the strings to steer it. It stays loaded: finalizers may still reach it.
/// </summary>
internal sealed unsafe class DriverDouble
{
    public const string Version128 = "-DYZC_DOUBLE_VERSION=12080";
    public const string Version118 = "-DYZC_DOUBLE_VERSION=11080";

    private readonly nint module;

    public DriverDouble(CompiledSources sources, params string[] options)
    {
        Library = sources.Library("cuda_double/cuda_double.c", options.Length == 0 ? [Version128] : options);
        module = NativeLibrary.Load(Library);
    }

    public string Library { get; }

    public DriverApi Api => field ??= Open().Api!;

    public CudaDevice Device => new(Api, 0);

    /// <summary>One of several devices, as <c>Set("devices", n)</c> makes n more.</summary>
    public CudaDevice DeviceAt(int ordinal) => new(Api, ordinal);

    public string Misuse => Marshal.PtrToStringUTF8((nint)((delegate* unmanaged<byte*>)Export("yzc_misuse"))())!;

    public string LastImage => Marshal.PtrToStringUTF8((nint)((delegate* unmanaged<byte*>)Export("yzc_last_image"))())!;

    public DriverOpening Open() => DriverOpening.Open([Library]);

    /// <summary>A context that is current on this thread.</summary>
    public CudaContext OpenContext()
    {
        CudaContext context = Device.OpenContext();
        context.MakeCurrent();
        return context;
    }

    public void Set(string key, long value)
    {
        fixed (byte* text = Text(key))
        {
            ((delegate* unmanaged<byte*, long, void>)Export("yzc_set"))(text, value);
        }
    }

    /// <summary>
    /// Lets the nth call from now of a function answer a status, with "@1" behind its name of those on the second device; 0 takes the order back.
    /// </summary>
    public void Fail(string function, CUresult status, int nth = 1)
    {
        fixed (byte* text = Text(function))
        {
            ((delegate* unmanaged<byte*, int, int, void>)Export("yzc_fail"))(text, nth, (int)status);
        }
    }

    public long Live(string kind = "all")
    {
        fixed (byte* text = Text(kind))
        {
            return ((delegate* unmanaged<byte*, long>)Export("yzc_live"))(text);
        }
    }

    public long Calls(string function)
    {
        fixed (byte* text = Text(function))
        {
            return ((delegate* unmanaged<byte*, long>)Export("yzc_calls"))(text);
        }
    }

    /// <summary>Grid, block, shared bytes, number of launches so far, and the first bytes of the first parameter.</summary>
    public (uint[] Launch, byte[] Argument) LastLaunch()
    {
        uint[] launch = new uint[8];
        byte[] argument = new byte[64];
        fixed (uint* first = launch)
        fixed (byte* second = argument)
        {
            ((delegate* unmanaged<uint*, byte*, void>)Export("yzc_last_launch"))(first, second);
        }

        return (launch, argument);
    }

    /// <summary>What was queued since <c>Set("journal", 1)</c>, in the order of the calls; a graph's work stands where it was launched.</summary>
    public List<DriverWork> Journal()
    {
        delegate* unmanaged<long, byte**, ulong*, int> read = (delegate* unmanaged<long, byte**, ulong*, int>)Export("yzc_journal");
        List<DriverWork> works = [];
        ulong[] values = new ulong[7];
        byte* name = null;
        fixed (ulong* first = values)
        {
            while (read(works.Count, &name, first) is int kind and not 0)
            {
                works.Add(new DriverWork((DriverWorkKind)kind, Marshal.PtrToStringUTF8((nint)name) ?? "", values[0], values[1], values[2..]));
            }
        }

        return works;
    }

    /// <summary>Nothing lives, nothing was used after its release, nothing was refused.</summary>
    public void AssertClean()
    {
        Assert.Equal("", Misuse);
        Assert.Equal(0, Live());
        Assert.Equal((0L, null), (Api.FailedReleases, Api.LastFailedRelease));
    }

    private static byte[] Text(string text) => [.. Encoding.UTF8.GetBytes(text), 0];

    private nint Export(string name) => NativeLibrary.GetExport(module, name);
}

/// <summary>What a <see cref="DriverWork"/> is. The last one is the host's, which saw that an event had passed.</summary>
internal enum DriverWorkKind
{
    Kernel = 1,
    CopyUp,
    CopyDown,
    Record,
    Wait,
    Passed,
}

/// <summary>A piece of work that a stream was given.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Name">A kernel's name.</param>
/// <param name="Stream">The stream; 0 for what the host saw.</param>
/// <param name="Object">An event, or a copy's address on the host.</param>
/// <param name="Arguments">The first words of a kernel's parameter, or a copy's address on the device.</param>
internal sealed record DriverWork(DriverWorkKind Kind, string Name, ulong Stream, ulong Object, ulong[] Arguments);
