using InspectLine;
using YoloZeroCopy;

InspectOptions options;
try
{
    options = InspectOptions.Parse(args);
}
catch (FormatException error)
{
    return Fail(error.Message, ExitCodes.WrongArguments);
}

if (options.WantsHelp)
{
    Console.WriteLine(InspectOptions.Help);
    return ExitCodes.Done;
}

using StopSignal stop = new();
ProgressDisplay progress = new(Console.Out, isTerminal: !Console.IsOutputRedirected);
try
{
    OutputFiles output = OutputFiles.Prepare(options.OutputFolder);
    ReportData results = await InspectAsync(output);
    results = Compare(await AnnotateAsync(results, output));
    ReportPage.Write(output.Report, results);
    return Conclude(results, output);
}
catch (Exception error) when (ExitCodes.For(error, options.Source) is int code)
{
    progress.Clear();
    return Fail(error.Message, code);
}

// Frames are decoded straight into the detector's slots, or on its GPU; see LineInspection.
async Task<ReportData> InspectAsync(OutputFiles output)
{
    bool isLost = false;
    VideoReaderOptions reading = options.Reading with
    {
        StateChanged = (state, reason) =>
        {
            if (reason is not null || isLost)
            {
                progress.WriteLine($"source: {state} {reason}");
            }

            isLost = reason is not null;
        },
    };
    await using VideoReader clip = await VideoReader.OpenAsync(options.Source, reading, stop.Token);
    string name = Path.GetFileName(clip.Name);
    await using YoloDetector detector = YoloDetector.Open(options.ModelPath, new DetectorOptions
    {
        InputSize = options.InputSizeFor(clip.Format),
        SlotBytes = clip.Format.ByteCount,
        MaxBatch = 2,           // little latency, and on a processor as fast as larger ones
        Device = options.Decoding == VideoDecoding.Gpu ? Device.Cuda() : Device.Auto,
        Overflow = options.IsRealtime || clip.IsLive ? OverflowPolicy.DropOldest : OverflowPolicy.Wait,
        ClassAgnostic = true,   // one place on the belt holds one part, so it gets one class
    });
    progress.WriteLine($"{name}: {clip.Format.Width}x{clip.Format.Height}, {clip.FrameRate:0.##} frames a second");
    progress.WriteLine($"{Path.GetFileName(options.ModelPath)}: {detector.Model.ClassCount} classes, input "
        + $"{detector.Model.InputWidth}x{detector.Model.InputHeight}, {detector.Device}");

    using DetectionWriter writer = new(output.Detections, name, detector.Model.Names);
    LineInspection inspection = new(options, clip, reading, detector, writer, progress);
    await inspection.RunAsync(stop.Token);
    return new ReportData
    {
        Clip = name,
        IsLive = clip.IsLive,
        Format = clip.Format,
        FrameRate = LineInspection.RateOf(clip),
        Model = detector.Model,
        Device = detector.Device,
        IsRealtime = options.IsRealtime || clip.IsLive,
        Statistics = detector.Statistics,
        Log = inspection.Log,
        LineX = inspection.Line.X,
        Incomplete = inspection.Log.Interruption is string cause ? $"The inspection ended after {inspection.Log.Frames.Count} frames: {cause}" : null,
        Date = DateTimeOffset.UtcNow,
    };
}

async Task<ReportData> AnnotateAsync(ReportData results, OutputFiles output)
{
    // What is live cannot be read a second time.
    if (results.Log.Frames.Count == 0 || results.IsLive)
    {
        return results;
    }

    // Ctrl-C during the inspection ends that, and what was inspected is drawn; Ctrl-C here ends the drawing.
    CancellationToken stopDrawing = results.Incomplete is null ? stop.Token : CancellationToken.None;
    FramePainter painter = new(results.Log, results.Names, results.Format, results.LineX);
    AnnotatedVideo video = new(options, results.Log, painter, progress);
    await video.WriteAsync(output, stopDrawing);
    bool isShort = video.FrameCount < results.Log.Frames.Count;
    return results with
    {
        AlarmPictures = video.Pictures,
        Incomplete = results.Incomplete ?? (isShort ? $"The annotated video was stopped after {video.FrameCount} frames." : null),
    };
}

ReportData Compare(ReportData results) => File.Exists(options.TruthPath)
    ? results with { Check = TruthCheck.Compare(results.Log, GroundTruth.Read(options.TruthPath), results.LineX) }
    : results;

int Conclude(ReportData results, OutputFiles output)
{
    InspectionLog log = results.Log;
    progress.WriteLine($"{log.InspectedCount} frames inspected in {log.Elapsed.TotalSeconds:F1} s: {log.FramesPerSecond:F1}/s, latency "
        + $"p50 {log.Latency.Percentile(0.5):F0} ms,"
        + $" p99 {log.Latency.Percentile(0.99):F0} ms, {log.DroppedCount} dropped, {results.Statistics.HostCopies} host copies");
    progress.WriteLine($"{log.Crossings.Count} parts counted, {log.AlarmCount} alarms");
    if (results.Check is TruthCheck check)
    {
        progress.WriteLine($"detections against the ground truth: {check.AllDetections}");
        progress.WriteLine($"alarms against the ground truth:     {check.AllAlarms}");
    }

    progress.WriteLine($"report: {Path.GetFullPath(output.Report)}");
    if (results.Incomplete is not null)
    {
        return Fail(results.Incomplete, stop.ExitCode != 0 ? stop.ExitCode : ExitCodes.InputUnreadable);
    }

    return results.Check is { ReachesBar: false }
        ? Fail($"precision or recall is under the bar of {TruthCheck.Bar:P0}; the report has the table.", ExitCodes.UnderTheBar)
        : ExitCodes.Done;
}

static int Fail(string message, int code)
{
    Console.Error.WriteLine($"InspectLine: {message}");
    return code;
}
