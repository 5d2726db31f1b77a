using System.Runtime.InteropServices;
using YoloZeroCopy.Interop;

namespace YoloZeroCopy.Cli.Interop;

/// <summary>NVIDIA's profiling library, of which this uses the record of every kernel and copy on the device.</summary>
/// <remarks>Numbers and layouts are those of its public header; the beginning of the records, which is all that is read, has been the same since
/// CUDA 8. One recording at a time.</remarks>
internal sealed unsafe class Cupti
{
    /// <summary>Environment variable that names the library's file.</summary>
    public const string VariableName = "YZC_CUPTI";

    private const int BufferBytes = 4 << 20;
    private const int Alignment = 8;
    private const int MaxNameLength = 8192;
    private const int MaxMessageLength = 1024;

    private static readonly string[] FileNames = ["libcupti.so.13", "libcupti.so.12", "libcupti.so"];
    private static readonly Lock Gate = new();
    private static readonly List<KernelRecord> Records = [];
    private static delegate* unmanaged<byte*, nuint, byte**, int> getNextRecord;

    private readonly delegate* unmanaged<int, int> enable;
    private readonly delegate* unmanaged<int, int> disable;
    private readonly delegate* unmanaged<uint, int> flush;
    private readonly delegate* unmanaged<int, byte**, int> describe;

    private Cupti(nint module)
    {
        enable = (delegate* unmanaged<int, int>)NativeLibrary.GetExport(module, "cuptiActivityEnable");
        disable = (delegate* unmanaged<int, int>)NativeLibrary.GetExport(module, "cuptiActivityDisable");
        flush = (delegate* unmanaged<uint, int>)NativeLibrary.GetExport(module, "cuptiActivityFlushAll");
        describe = (delegate* unmanaged<int, byte**, int>)NativeLibrary.GetExport(module, "cuptiGetResultString");
        getNextRecord = (delegate* unmanaged<byte*, nuint, byte**, int>)NativeLibrary.GetExport(module, "cuptiActivityGetNextRecord");
        delegate* unmanaged<byte**, nuint*, nuint*, void> onRequested = &OnRequested;
        delegate* unmanaged<nint, uint, byte*, nuint, nuint, void> onCompleted = &OnCompleted;
        delegate* unmanaged<void*, void*, int> register =
            (delegate* unmanaged<void*, void*, int>)NativeLibrary.GetExport(module, "cuptiActivityRegisterCallbacks");
        Check(register(onRequested, onCompleted), "taking its callbacks");
    }

    /// <summary>Opens the library: what the environment names, else what the system's loader finds.</summary>
    /// <exception cref="InvalidOperationException">It is not there, or is not one this can use.</exception>
    public static Cupti Load()
    {
        string? named = Environment.GetEnvironmentVariable(VariableName);
        string[] names = string.IsNullOrEmpty(named) ? FileNames : [named];
        foreach (string name in names)
        {
            if (NativeLibrary.TryLoad(name, out nint module))
            {
                try
                {
                    return new Cupti(module);
                }
                catch (EntryPointNotFoundException error)
                {
                    throw new InvalidOperationException($"'{name}' is not CUPTI: {error.Message}", error);
                }
            }
        }

        throw new InvalidOperationException(
            $"CUPTI, of CUDA's toolkit, was not found ({string.Join(", ", names)}); {VariableName} names its file");
    }

    /// <summary>Records what runs on the devices of this process while something works, which waits for the device itself.</summary>
    /// <exception cref="InvalidOperationException">The library refused.</exception>
    public IReadOnlyList<KernelRecord> Record(Action work)
    {
        foreach (ActivityKind kind in Enum.GetValues<ActivityKind>())
        {
            Check(enable((int)kind), $"recording ({kind})");
        }

        try
        {
            // What ran before is not asked for.
            Check(flush(0), "emptying its records");
            Take();
            work();
        }
        finally
        {
            foreach (ActivityKind kind in Enum.GetValues<ActivityKind>())
            {
                _ = disable((int)kind);
            }
        }

        Check(flush(1), "reading its records");
        return Take();
    }

    [UnmanagedCallersOnly]
    private static void OnRequested(byte** buffer, nuint* size, nuint* maxRecords)
    {
        *buffer = (byte*)NativeMemory.AlignedAlloc(BufferBytes, Alignment);
        *size = BufferBytes;
        *maxRecords = 0;
    }

    [UnmanagedCallersOnly]
    private static void OnCompleted(nint context, uint stream, byte* buffer, nuint size, nuint validSize)
    {
        byte* record = null;
        lock (Gate)
        {
            while (validSize > 0 && getNextRecord(buffer, validSize, &record) == 0)
            {
                ActivityPrefix* activity = (ActivityPrefix*)record;
                string? name = activity->Kind switch
                {
                    ActivityKind.Copy => "memory copy",
                    ActivityKind.Fill => "memory fill",
                    ActivityKind.Kernel => Utf8.Read(activity->Name, MaxNameLength),
                    _ => null,
                };
                if (name is not null && activity->End >= activity->Start)
                {
                    Records.Add(new KernelRecord(name, (activity->End - activity->Start) / 1000.0));
                }
            }
        }

        NativeMemory.AlignedFree(buffer);
    }

    private static KernelRecord[] Take()
    {
        lock (Gate)
        {
            KernelRecord[] taken = [.. Records];
            Records.Clear();
            return taken;
        }
    }

    private void Check(int status, string doing)
    {
        if (status != 0)
        {
            byte* text = null;
            _ = describe(status, &text);
            throw new InvalidOperationException($"CUPTI failed at {doing}: {Utf8.Read(text, MaxMessageLength)} ({status})");
        }
    }

    private enum ActivityKind
    {
        Copy = 1,
        Fill = 2,
        Kernel = 10,
    }

    /// <summary>The beginning of a record: all three kinds have their times at one place, kernels their name behind.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 112)]
    private readonly struct ActivityPrefix
    {
        [FieldOffset(0)]
        public readonly ActivityKind Kind;

        [FieldOffset(16)]
        public readonly ulong Start;

        [FieldOffset(24)]
        public readonly ulong End;

        [FieldOffset(104)]
        public readonly byte* Name;
    }
}

/// <summary>A kernel or copy that ran on the device.</summary>
internal readonly record struct KernelRecord(string Name, double Microseconds);
