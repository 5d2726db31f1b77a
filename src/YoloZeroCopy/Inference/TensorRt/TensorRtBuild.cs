using System.Collections.Immutable;
using System.Diagnostics;
using YoloZeroCopy.Cuda;
using YoloZeroCopy.Interop;

namespace YoloZeroCopy;

/// <summary>One build, from the model's file to the engine's, on a thread of its own.</summary>
internal static unsafe class TensorRtBuild
{
    private const long MaxTimingCacheBytes = 1L << 30;
    private const int BlockBytes = 1 << 20;

    public static TensorRtBuildReport Run(
        string modelPath, string outputPath, TensorRtBuildOptions options, IProgress<TensorRtBuildProgress>? progress, CancellationToken stop)
    {
        long start = Stopwatch.GetTimestamp();
        OnnxFile model = OnnxFile.Read(modelPath);
        TensorRtBuildPlan plan = TensorRtBuildPlan.For(modelPath, model, options);
        CheckFiles(modelPath, model, outputPath, options.TimingCachePath);
        using TensorRtLibrary library = TensorRtLibrary.Open(TensorRtSearch.ForThisProcess(options.TensorRtPath, options.TensorRtShimPath));
        if (!library.CanBuild)
        {
            throw new NativeLibraryException(
                TensorRtSearch.LibraryName, $"'{library.Path}' is the {library.Name}, which runs engines and cannot build them; the whole "
                    + $"TensorRT or TensorRT for RTX is wanted.");
        }

        // TensorRT for RTX builds without a GPU; every other one times its algorithms on the current one.
        using CudaContext? context = library.Flavour == TrtFlavour.Rtx ? null : CudaDevice.Get(options.DeviceOrdinal).OpenContext();
        context?.MakeCurrent();
        byte[] timings = ReadTimings(options.TimingCachePath);
        using TensorRtBuildMonitor monitor = new(progress, stop);
        using TensorRtInput input = TensorRtInput.For(modelPath, outputPath, options.HalfPrecision);
        using TrtHandle builder = CreateBuilder(library, options, plan, timings, monitor, modelPath, input.IsHalf);
        Parse(library.Api, builder, input.Path, modelPath, stop);
        AddProfiles(library.Api, builder, plan, modelPath);
        using TrtHandle blob = BuildPlan(library.Api, builder, monitor, modelPath, stop);
        void* data;
        ulong length;
        Check(library.Api, library.Api.BlobData(blob.Value, &data, &length), modelPath, stop);
        byte[] prefix = options.WriteMetadata ? TensorRtPlanFile.Prefix(plan.MetadataFor(model.Metadata)) : [];
        WriteFile(outputPath, prefix, (byte*)data, (long)length);
        string? lostTimings = SaveTimings(library.Api, builder, options.TimingCachePath);
        return new TensorRtBuildReport
        {
            Library = $"{library.Name} ({library.Path})",
            GraphChanges = input.Changes,
            PlanBytes = (long)length,
            Profiles = plan.Profiles,
            NodeCount = model.NodeCount,
            WorkspaceLimitBytes = plan.WorkspaceBytes,
            DeviceMemoryBytes = MeasureMemory(library, (byte*)data, (long)length),
            Duration = Stopwatch.GetElapsedTime(start),
            Warnings = lostTimings is null ? library.Log.Lines : library.Log.Lines.Add(lostTimings),
        };
    }

    private static void CheckFiles(string path, OnnxFile model, string output, string? timings)
    {
        FileRoles files = new();
        files.Read("the model", path);
        foreach (string data in model.DataFiles(path))
        {
            files.Read("data of the model", data);
        }

        files.Write("the output", output);
        files.Write("the timing cache", timings);
        OutputFile.ThrowIfNotWritable(output);
        if (timings is not null)
        {
            OutputFile.ThrowIfNotWritable(timings);
        }
    }

    private static void WriteFile(string path, ReadOnlySpan<byte> head, byte* data, long length)
    {
        using OutputFile file = OutputFile.Create(path);
        using UnmanagedMemoryStream content = new(data, length);
        file.Stream.Write(head);
        content.CopyTo(file.Stream, BlockBytes);
        file.Complete();
    }

    private static TrtHandle CreateBuilder(
        TensorRtLibrary library, TensorRtBuildOptions options, TensorRtBuildPlan plan, byte[] timings, TensorRtBuildMonitor monitor, string path,
        bool isStronglyTyped)
    {
        // Half where the changed model says half and single where it says single, which only TensorRT 10 has to be told.
        TrtBuildFlags flags = isStronglyTyped ? TrtBuildFlags.StronglyTyped : TrtBuildFlags.None;
        flags |= options.Precisions.HasFlag(TensorRtPrecisions.Float16) ? TrtBuildFlags.Fp16 : 0;
        flags |= options.Precisions.HasFlag(TensorRtPrecisions.Int8) ? TrtBuildFlags.Int8 : 0;
        flags |= options.AllowTf32 ? 0 : TrtBuildFlags.NoTf32;
        flags |= options.VersionCompatible ? TrtBuildFlags.VersionCompatible : 0;
        ulong value;
        fixed (byte* cache = timings)
        {
            TrtBuilderOptions native = new()
            {
                StructSize = (uint)sizeof(TrtBuilderOptions),
                Flags = flags,
                Workspace = (ulong)plan.WorkspaceBytes,
                OptimizationLevel = options.OptimizationLevel ?? -1,
                HardwareCompatibility = (int)options.Hardware,
                AuxiliaryStreams = -1,
                TimingCache = cache,
                TimingCacheLength = (ulong)timings.Length,
                Progress = &TensorRtBuildMonitor.OnProgress,
                ProgressUser = monitor.User,
            };
            Check(library.Api, library.Api.BuilderCreate(library.Handle.Value, &native, &value), path, CancellationToken.None);
        }

        return new TrtHandle(value, library.Api.BuilderFree, library.Handle);
    }

    private static void Parse(TrtApi api, TrtHandle builder, string file, string path, CancellationToken stop)
    {
        stop.ThrowIfCancellationRequested();
        TrtStatus status;
        fixed (byte* text = Utf8.Terminated(Path.GetFullPath(file)))
        {
            status = api.BuilderParseFile(builder.Value, text);
        }

        if (status == TrtStatus.ParseFailed)
        {
            string message = api.LastMessage();
            throw new ModelException(path, $"TensorRT cannot parse it: {FirstIssue(api, builder) ?? message}");
        }

        Check(api, status, path, stop);
    }

    private static string? FirstIssue(TrtApi api, TrtHandle builder)
    {
        int count;
        TrtIssue issue = new() { StructSize = (uint)sizeof(TrtIssue) };
        if (api.BuilderIssueCount(builder.Value, &count) != TrtStatus.Ok || count < 1 || api.BuilderIssue(builder.Value, 0, &issue) != TrtStatus.Ok)
        {
            return null;
        }

        string where = issue.Node < 0 ? "the model"
            : FormattableString.Invariant($"node {issue.Node}, '{TrtApi.Text(issue.NodeName)}' ({TrtApi.Text(issue.NodeOperation)})");
        string more = count == 1 ? string.Empty : FormattableString.Invariant($" {count - 1} more issues follow.");
        return FormattableString.Invariant(
            $"{where}: {TrtApi.Text(issue.Description).Trim()} (code {issue.Code}, {Path.GetFileName(TrtApi.Text(issue.File))}:{issue.Line}){more}");
    }

    private static void AddProfiles(TrtApi api, TrtHandle builder, TensorRtBuildPlan plan, string path)
    {
        if (!plan.NeedsProfiles)
        {
            return;
        }

        fixed (byte* name = Utf8.Terminated(plan.InputName))
        {
            foreach (TensorRtProfile profile in plan.Profiles)
            {
                TrtProfileInput input = new()
                {
                    StructSize = (uint)sizeof(TrtProfileInput),
                    Name = name,
                    Min = new TrtShape([profile.MinBatch, 3, profile.Height, profile.Width]),
                    Opt = new TrtShape([profile.OptimalBatch, 3, profile.Height, profile.Width]),
                    Max = new TrtShape([profile.MaxBatch, 3, profile.Height, profile.Width]),
                };
                Check(api, api.BuilderAddProfile(builder.Value, &input, 1), path, CancellationToken.None);
            }
        }
    }

    private static TrtHandle BuildPlan(TrtApi api, TrtHandle builder, TensorRtBuildMonitor monitor, string path, CancellationToken stop)
    {
        ulong blob;
        TrtStatus status;
        using (stop.UnsafeRegister(static state => ((Action)state!)(), (Action)(() => _ = api.BuilderCancel(builder.Value))))
        {
            status = api.BuilderBuild(builder.Value, &blob);
        }

        // What stopped the build goes before what the build said of it.
        string message = status == TrtStatus.Ok ? string.Empty : api.LastMessage();
        TrtHandle? handle = status == TrtStatus.Ok ? new TrtHandle(blob, api.BlobFree) : null;
        try
        {
            monitor.ThrowIfFailed();
            stop.ThrowIfCancellationRequested();
            return handle ?? throw TensorRtErrors.Build(status, message, path, stop);
        }
        catch
        {
            handle?.Dispose();
            throw;
        }
    }

    private static byte[] ReadTimings(string? path)
    {
        if (path is null || !File.Exists(path))
        {
            return [];
        }

        long length = new FileInfo(path).Length;
        return length <= MaxTimingCacheBytes
            ? File.ReadAllBytes(path)
            : throw new ArgumentException($"The timing cache '{path}' has {length} bytes; up to {MaxTimingCacheBytes} are wanted. Delete it or name "
                + $"another file in {nameof(TensorRtBuildOptions.TimingCachePath)} (`--timing-cache`).");
    }

    /// <summary>Writes the timing cache; a warning when that failed. The engine is there by then: a missing cache costs time and nothing
    /// else.</summary>
    private static string? SaveTimings(TrtApi api, TrtHandle builder, string? path)
    {
        if (path is null)
        {
            return null;
        }

        ulong value;
        if (api.BuilderTimingCache(builder.Value, &value) != TrtStatus.Ok)
        {
            // TensorRT for RTX has none, for one.
            return $"The timing cache '{path}' was not written: {api.LastMessage()}";
        }

        using TrtHandle blob = new(value, api.BlobFree);
        void* data;
        ulong length;
        if (api.BlobData(blob.Value, &data, &length) != TrtStatus.Ok)
        {
            return $"The timing cache '{path}' was not written: {api.LastMessage()}";
        }

        try
        {
            WriteFile(path, [], (byte*)data, (long)length);
            return null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return $"The timing cache '{path}' was not written: {error.Message}";
        }
    }

    /// <summary>What TensorRT asks for, profile by profile; empty where the engine cannot be opened here.</summary>
    private static ImmutableArray<long> MeasureMemory(TensorRtLibrary library, byte* plan, long length)
    {
        if (library.Flavour == TrtFlavour.Rtx && !CudaDriver.TryInitialize(out _))
        {
            return [];
        }

        try
        {
            using TensorRtPlan loaded = TensorRtPlan.Load(library, "built engine", plan, length, hostCodeAllowed: true);
            return [.. Enumerable.Range(0, loaded.ProfileCount).Select(loaded.ProfileMemoryBytes)];
        }
        catch (Exception error) when (error is ModelException or InsufficientMemoryException)
        {
            return [];
        }
    }

    private static void Check(TrtApi api, TrtStatus status, string path, CancellationToken stop)
    {
        if (status != TrtStatus.Ok)
        {
            throw TensorRtErrors.Build(status, api.LastMessage(), path, stop);
        }
    }
}
