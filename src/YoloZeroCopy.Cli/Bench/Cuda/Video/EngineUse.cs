using System.Runtime.InteropServices;
using System.Text;

namespace YoloZeroCopy.Cli;

/// <summary>How much of the time a device computed and decoded, as NVML (libnvidia-ml) samples it; unknown where that library is not.</summary>
internal sealed unsafe class EngineUse : IDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100);

    private readonly nint library;
    private readonly nint device;
    private readonly delegate* unmanaged<nint, uint*, uint*, int> decoderUse;
    private readonly delegate* unmanaged<nint, uint*, int> use;
    private readonly delegate* unmanaged<int> shutdown;
    private readonly Thread? thread;
    private readonly ManualResetEventSlim end = new();
    private long samples;
    private long decoding;
    private long computing;

    /// <summary>Begins to sample.</summary>
    /// <param name="pciBusId">The device's address.</param>
    public EngineUse(string pciBusId)
    {
        string name = OperatingSystem.IsWindows() ? "nvml.dll" : "libnvidia-ml.so.1";
        if (!NativeLibrary.TryLoad(name, out library)
            || !NativeLibrary.TryGetExport(library, "nvmlInit_v2", out nint init)
            || !NativeLibrary.TryGetExport(library, "nvmlDeviceGetHandleByPciBusId_v2", out nint find)
            || !NativeLibrary.TryGetExport(library, "nvmlDeviceGetDecoderUtilization", out nint decoder)
            || !NativeLibrary.TryGetExport(library, "nvmlDeviceGetUtilizationRates", out nint rates)
            || !NativeLibrary.TryGetExport(library, "nvmlShutdown", out nint stop)
            || ((delegate* unmanaged<int>)init)() != 0)
        {
            return;
        }

        shutdown = (delegate* unmanaged<int>)stop;
        decoderUse = (delegate* unmanaged<nint, uint*, uint*, int>)decoder;
        use = (delegate* unmanaged<nint, uint*, int>)rates;
        byte[] address = [.. Encoding.ASCII.GetBytes(pciBusId), 0];
        nint found = 0;
        fixed (byte* text = address)
        {
            // Without a handle every later question is refused.
            _ = ((delegate* unmanaged<byte*, nint*, int>)find)(text, &found);
        }

        device = found;
        thread = new Thread(Sample) { IsBackground = true, Name = "yzc NVML" };
        thread.Start();
    }

    /// <summary>Means since it began, in percent of the time; null where they are not known.</summary>
    public (double Decoding, double Computing)? Mean
    {
        get
        {
            long count = Volatile.Read(ref samples);
            return count == 0 ? null : ((double)decoding / count, (double)computing / count);
        }
    }

    public void Dispose()
    {
        end.Set();
        thread?.Join();
        end.Dispose();
        if (shutdown != null)
        {
            _ = shutdown();
        }
    }

    private void Sample()
    {
        uint* both = stackalloc uint[2];
        while (!end.Wait(Interval))
        {
            uint decoder;
            uint period;

            // The device's use comes as two numbers, of computing and of memory.
            if (decoderUse(device, &decoder, &period) == 0 && use(device, both) == 0)
            {
                decoding += decoder;
                computing += both[0];
                Volatile.Write(ref samples, samples + 1);
            }
        }
    }
}
