using System.Globalization;
using YoloZeroCopy.Interop;

namespace YoloZeroCopy;

/// <summary>Opens ONNX Runtime sessions.</summary>
internal static unsafe class OnnxRuntimeSession
{
    private const int MaxNumberBytes = 32;

    /// <summary>Opens a session only to ask what the model is: nothing is optimised, nothing is laid out anew, no threads are started.</summary>
    /// <exception cref="ModelException">The file cannot be loaded; the message has the runtime's own words.</exception>
    public static OrtHandle OpenToDescribe(OnnxRuntimeLibrary library, ModelSource source)
    {
        using OrtHandle options = CreateOptions(library, source.Path, OrtGraphOptimizationLevel.DisableAll, threads: 1);
        Configure(library, source.Path, options, "session.disable_prepacking"u8, "1"u8);
        return Open(library, source, options);
    }

    /// <summary>Opens a session to run, with the input's free dimensions fixed, or all but width and height.</summary>
    /// <exception cref="ModelException">The file cannot be loaded; the message has the runtime's own words.</exception>
    public static OrtHandle OpenToRun(OnnxRuntimeLibrary library, ModelSource source, PictureInput input, int threads, bool fixesSize = true)
    {
        using OrtHandle options = CreateOptions(library, source.Path, OrtGraphOptimizationLevel.EnableAll, threads);

        // A thread that spins between runs takes the core that the pipeline's other stages need. Measured with a YOLOv8n and two threads on two busy
        // cores: 1.4 to 1.6 times the processor time of a frame, and no more frames.
        Configure(library, source.Path, options, "session.intra_op.allow_spinning"u8, "0"u8);
        Override(library, source.Path, options, input.Overrides(fixesSize: fixesSize));
        return Open(library, source, options);
    }

    /// <summary>
    /// Opens a session that folds the model's shape arithmetic to tell its output's shape, and is hardly ever run. Its batch is <see
    /// cref="PictureInput.TrialBatch"/>, since a free one keeps most exports' shapes from being folded.
    /// </summary>
    /// <exception cref="ModelException">The file cannot be loaded; the message has the runtime's own words.</exception>
    public static OrtHandle OpenForShapes(OnnxRuntimeLibrary library, ModelSource source, PictureInput input)
    {
        using OrtHandle options = CreateOptions(library, source.Path, OrtGraphOptimizationLevel.EnableBasic, threads: 1);
        Configure(library, source.Path, options, "session.disable_prepacking"u8, "1"u8);
        Override(library, source.Path, options, input.Overrides(input.TrialBatch));
        return Open(library, source, options);
    }

    /// <summary>Fixes free dimensions by name.</summary>
    public static void Override(OnnxRuntimeLibrary library, string path, OrtHandle options, IEnumerable<(string Name, int Value)> overrides)
    {
        foreach ((string name, int value) in overrides)
        {
            fixed (byte* text = Utf8.Terminated(name))
            {
                Check(library, path, library.Api->AddFreeDimensionOverrideByName(options.Value, text, value));
            }
        }
    }

    /// <summary>Makes a session's options as every session of this library has them.</summary>
    public static OrtHandle CreateOptions(OnnxRuntimeLibrary library, string path, OrtGraphOptimizationLevel level, int threads)
    {
        OrtApi* api = library.Api;
        nint value;
        Check(library, path, api->CreateSessionOptions(&value));
        OrtHandle options = new(value, api->ReleaseSessionOptions);
        try
        {
            Check(library, path, api->SetSessionLogSeverityLevel(value, OrtLoggingLevel.Fatal));
            Check(library, path, api->SetSessionGraphOptimizationLevel(value, level));
            Check(library, path, api->SetIntraOpNumThreads(value, threads));

            // A memory pattern is planned from a first run, whose own memory the arena then keeps beside it: half as much again on a GPU and twice as
            // much on the CPU, for the same speed.
            Check(library, path, api->DisableMemPattern(value));
            return options;
        }
        catch
        {
            options.Dispose();
            throw;
        }
    }

    // Literals with the u8 suffix end with a zero byte.
    private static void Configure(OnnxRuntimeLibrary library, string path, OrtHandle options, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        fixed (byte* keyText = key, valueText = value)
        {
            Check(library, path, library.Api->AddSessionConfigEntry(options.Value, keyText, valueText));
        }
    }

    /// <summary>Opens a session.</summary>
    /// <exception cref="ModelException">The file cannot be loaded; the message has the runtime's own words.</exception>
    public static OrtHandle Open(OnnxRuntimeLibrary library, ModelSource source, OrtHandle options)
    {
        OrtApi* api = library.Api;
        nint session;
        string path = source.Path;
        if (source.Bytes is ReadOnlyMemory<byte> bytes)
        {
            // Read before the call returns; the session keeps nothing of it.
            fixed (byte* data = bytes.Span)
            {
                Check(library, path, api->CreateSessionFromArray(library.Environment, data, (nuint)bytes.Length, options.Value, &session));
            }

            return new OrtHandle(session, api->ReleaseSession);
        }

        string full = Path.GetFullPath(path);
        if (OperatingSystem.IsWindows())
        {
            fixed (char* text = full)
            {
                Check(library, path, api->CreateSession(library.Environment, text, options.Value, &session));
            }
        }
        else
        {
            fixed (byte* text = Utf8.Terminated(full))
            {
                Check(library, path, api->CreateSession(library.Environment, text, options.Value, &session));
            }
        }

        return new OrtHandle(session, api->ReleaseSession);
    }

    /// <summary>Most that a session on the CPU has held of its arena at once; null where this version of the runtime cannot tell.</summary>
    /// <exception cref="InferenceException">The runtime refused to tell.</exception>
    public static long? PeakArenaBytes(OnnxRuntimeLibrary library, OrtHandle session)
    {
        if (library.MinorVersion < OrtApi.AllocatorStatsVersion)
        {
            return null;
        }

        const int ArenaAllocator = 1;
        const int DefaultMemory = 0;
        OrtApi* api = library.Api;
        nint value;
        api->CreateCpuMemoryInfo(ArenaAllocator, DefaultMemory, &value).ThrowIfFailed(api);
        using OrtHandle memory = new(value, api->ReleaseMemoryInfo);
        api->CreateAllocator(session.Value, memory.Value, &value).ThrowIfFailed(api);
        using OrtHandle allocator = new(value, api->ReleaseAllocator);
        api->AllocatorGetStats(allocator.Value, &value).ThrowIfFailed(api);
        using OrtHandle pairs = new(value, api->ReleaseKeyValuePairs);
        fixed (byte* key = "MaxInUse"u8)
        {
            return long.TryParse(Utf8.Read(api->GetKeyValue(pairs.Value, key), MaxNumberBytes), CultureInfo.InvariantCulture, out long bytes) ? bytes
                : null;
        }
    }

    /// <summary>Throws what the runtime says against a model.</summary>
    /// <exception cref="ModelException">The call failed.</exception>
    public static void Check(OnnxRuntimeLibrary library, string path, OrtStatus status)
    {
        if (status.IsFailed)
        {
            (OrtErrorCode code, string message) = status.Take(library.Api);
            throw new ModelException(path, code == OrtErrorCode.InvalidProtobuf
                ? $"it is not an ONNX model, or the file is damaged or cut short. ONNX Runtime {library.Version}: {message}"
                : $"ONNX Runtime {library.Version} cannot load it: {message}")
            {
                RuntimeFailure = OnnxRuntimeFailures.Of(message, path),
            };
        }
    }
}
