using System.Collections.Immutable;
using System.CommandLine;
using System.Diagnostics;
using System.Globalization;

namespace YoloZeroCopy.Cli;

/// <summary><c>yzc detect</c>: pictures, folders and videos in, detections out.</summary>
internal static class DetectCommand
{
    // Bounds the memory of slots and of pixels kept for drawing when frames are very large.
    private const long SlotBudget = 1L << 30;
    private const long PixelBudget = 256L << 20;
    private const int MaxWindow = 64;

    // Files that a message lists by name.
    private const int MostNamed = 10;

    private static readonly Option<string> Model = Options.Model();
    private static readonly Option<string[]> Input = InputOption();

    private static readonly Option<bool> Recursive = new("--recursive", "-r") { Description = "Read the folders within folders, too." };

    private static readonly Option<int> MostFrames =
        Options.Integer("--frames", "End every video after so many frames, a live one too.", 1, int.MaxValue);

    private static readonly Option<int> Stride =
        Options.Integer("--vid-stride", "Handle every so many frames of a video, from its first one on.", 1, 1_000_000, 1);

    private static readonly Option<float> Confidence = Options.Ratio("--conf", "Detections with a score up to this are left out.", 0.25f);
    private static readonly Option<float> Iou =
        Options.Ratio("--iou", "Of two boxes of a class that overlap by more than this, the better stays.", 0.7f);

    private static readonly Option<int> MaxDetections = Options.Integer("--max-det", "Most detections of a frame.", 1, 30000, 300);
    private static readonly Option<string[]> Classes = new("--classes")
    {
        Description = "Only these classes, by id or name: --classes 0,2 or --classes person \"traffic light\".",
        HelpName = "CLASS",
        AllowMultipleArgumentsPerToken = true,
    };

    private static readonly Option<bool> Agnostic = new("--agnostic") { Description = "Boxes of different classes suppress each other, too." };
    private static readonly Option<ImmutableArray<(int Width, int Height)>> ImageSizes = Options.DetectorSizes();
    private static readonly Option<Device> Device = Options.Device();
    private static readonly Option<Precision> Precision = Options.Precision();
    private static readonly Option<int> Batch = Options.Batch();
    private static readonly Option<int> Threads = Options.Threads();
    private static readonly Option<bool> HostCode = Options.HostCode();

    private static readonly Option<bool> Quiet = new("--quiet", "-q")
    {
        Description = "Say nothing but errors: no line for each frame, no progress, no summary. What files and --json - get stays.",
    };

    public static Command Create()
    {
        Command command = new("detect", "Detects objects in pictures and videos. Exit codes: see `yzc --help`.")
        {
            Model, Input, Recursive, MostFrames, Stride, Confidence, Iou, MaxDetections, Classes, Agnostic, ImageSizes, Device, Precision, Batch,
                Threads,
            HostCode, Quiet,
        };
        ResultOptions.AddOptions(command);
        DrawingStyle.AddOptions(command);
        command.SetAction(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult arguments, CancellationToken stop)
    {
        int failures = 0;
        string model = arguments.GetRequiredValue(Model);
        string[] paths = arguments.GetRequiredValue(Input);
        ResultOptions results = ResultOptions.Of(arguments);
        FrameSelection selection = new(arguments.GetValue(Stride), arguments.GetValue(MostFrames));
        bool quiet = arguments.GetValue(Quiet);
        bool usesOutput = results.TakesStandardOutput || results.IsForPeople;
        await using DetectProgress? progress = quiet ? null : DetectProgress.Start("reading the inputs", usesOutput, DetectProgress.PlainStep);
        IReadOnlyList<int>? classes = ClassChoice.Of(arguments.GetValue(Classes) ?? [], model);
        InputList inputs = InputList.Expand(paths, arguments.GetValue(Recursive), Failed);
        List<InputItem> items = OutputNames.Plan(inputs.Items);
        CommandFiles files = CheckFiles(model, paths, items, results);
        results.WarnOfEarlier(items);
        List<InputItem> probed = [];
        try
        {
            await InputProbe.ReadAsync(items, selection, probed, stop);
            RefuseUnreachable(probed, selection);
            Work work = new(probed, inputs.Skipped, selection, results, files, OptionsFor(arguments, probed, classes));
            return await RunAsync(arguments, work, failures, progress, stop);
        }
        finally
        {
            foreach (InputItem item in probed.Where(static item => item.Live is not null))
            {
                await item.Live!.DisposeAsync();
            }
        }

        void Failed(string message)
        {
            failures++;
            ErrorReport.Write(message);
        }
    }

    private static async Task<int> RunAsync(
        ParseResult arguments, Work work, int failures, DetectProgress? progress, CancellationToken stop)
    {
        (List<InputItem> items, IReadOnlyList<string> skipped, FrameSelection selection, ResultOptions results, _, DetectorOptions options) = work;
        string model = arguments.GetRequiredValue(Model);
        bool quiet = arguments.GetValue(Quiet);
        progress?.Enter($"opening {Path.GetFileName(model)}");
        await using YoloDetector detector = DetectorOpening.Open(model, options);
        stop.ThrowIfCancellationRequested();
        List<IFrameSink> sinks = [];
        try
        {
            string? folder = results.Folder?.Make();
            items = results.Save ? AnnotatedOutput.PlanFiles(folder!, items) : items;
            AddSinks(sinks, work, DrawingStyle.Of(arguments), folder, detector.Model.Names, quiet);
            int window = results.NeedsPixels ? (int)Math.Clamp(PixelBudget / options.SlotBytes, 2, MaxWindow) : MaxWindow;
            DetectRun run = new(detector, selection, sinks, window);
            long start = Stopwatch.GetTimestamp();
            progress?.Follow(run.Counts, items, detector.Model.Names, stop);
            await run.RunAsync(items, stop);
            TimeSpan elapsed = Stopwatch.GetElapsedTime(start);
            await (progress?.DisposeAsync() ?? ValueTask.CompletedTask);
            failures += run.Counts.Failures;
            if (!quiet)
            {
                ReportSkipped(skipped);
                bool isStopped = stop.IsCancellationRequested;
                StandardError.WriteLine(RunSummary.Of(run.Counts, failures, elapsed, isStopped, detector.Statistics, detector.Model));
                if (results.Folder?.IsFresh == true)
                {
                    StandardError.WriteLine($"results are in '{folder}'");
                }
            }
        }
        finally
        {
            foreach (IFrameSink sink in sinks)
            {
                await sink.DisposeAsync();
            }
        }

        return failures == 0 ? ExitCode.Done : ExitCode.InputFailed;
    }

    private static void RefuseUnreachable(List<InputItem> items, FrameSelection selection)
    {
        int live = items.FindIndex(static item => item.Live is not null);
        if (live >= 0 && live < items.Count - 1 && selection.Most == 0)
        {
            throw new CliException(
                ExitCode.WrongArguments,
                $"'{items[live].Source}' has no end, so that the inputs behind it would never be read.",
                "Name it last, or end every input with --frames N. For several cameras at once run the tool once for each, or use the library.");
        }
    }

    // Crops come before the pictures that are drawn into: those are the same pixels.
    private static void AddSinks(
        List<IFrameSink> sinks, Work work, DrawingStyle style, string? folder, ImmutableArray<string> names, bool quiet)
    {
        ResultOptions results = work.Results;
        if (results.Json is not null)
        {
            sinks.Add(new JsonLines(LineWriter.Open(results.Json), names));
        }

        if (results.Csv is not null)
        {
            sinks.Add(new CsvLines(LineWriter.Open(results.Csv), names));
        }

        if (results.Coco is not null)
        {
            sinks.Add(new CocoFile(LineWriter.Open(results.Coco), names));
        }

        if (results.IsForPeople && !quiet)
        {
            sinks.Add(new SummaryLines(LineWriter.Open("-"), names));
        }

        if (results.SaveText)
        {
            sinks.Add(LabelFiles.Create(folder!, results.SaveScores, work.Files));
        }

        if (results.SaveCrops)
        {
            sinks.Add(CropFiles.Create(folder!, names));
        }

        if (results.Save)
        {
            style.WarnOfMissingCharacters(names);
            sinks.Add(AnnotatedOutput.Create(folder!, names, style));
        }
    }

    private static CommandFiles CheckFiles(string model, string[] paths, List<InputItem> items, ResultOptions results)
    {
        CommandFiles files = new(model);

        // Of what was given, also what is no input that can be used: it is the user's file.
        foreach (string path in paths.Concat(items.Select(static item => item.Path)).Where(InputList.IsPath))
        {
            files.Read("--input", path);
        }

        foreach ((string option, string? file) in results.Files)
        {
            files.Write(option, file);
        }

        foreach (string file in results.AnnotatedFiles(items))
        {
            files.Write("--output", file);
        }

        return files;
    }

    // No failure: beside the pictures of a folder there may well be their labels.
    private static void ReportSkipped(IReadOnlyList<string> skipped)
    {
        if (skipped.Count > 0)
        {
            string more = skipped.Count > MostNamed ? string.Create(CultureInfo.InvariantCulture, $" and {skipped.Count - MostNamed} more") : "";
            string files = skipped.Count == 1 ? "1 file that is" : string.Create(CultureInfo.InvariantCulture, $"{skipped.Count} files that are");
            ErrorReport.Write($"left out {files} neither picture nor video: {string.Join(", ", skipped.Take(MostNamed))}{more}");
        }
    }

    private static Option<string[]> InputOption()
    {
        Option<string[]> option = new("--input", "-i")
        {
            Description = "Pictures, videos, folders with them, patterns in quotes ('pics/**/*.jpg'), URLs (http, rtsp), a camera (0 or "
                + "/dev/video0), and - for a picture on standard input.",
            HelpName = "INPUT",
            Required = true,
            Arity = ArgumentArity.OneOrMore,
            AllowMultipleArgumentsPerToken = true,
        };

        // An option that takes any number of values would swallow a mistyped one.
        option.Validators.Add(static result =>
        {
            IEnumerable<string> paths = result.Tokens.Select(static token => token.Value);
            foreach (string path in paths.Where(static value => value.StartsWith('-') && value != "-" && !Path.Exists(value)))
            {
                result.AddError($"Unrecognized option '{path}'.");
            }
        });
        return option;
    }

    private static DetectorOptions OptionsFor(ParseResult arguments, List<InputItem> items, IReadOnlyList<int>? classes)
    {
        int slotBytes = Math.Max(1, items.Select(static item => item.Format.ByteCount).DefaultIfEmpty().Max());
        int batch = arguments.GetValue(Batch);
        int wantedSlots = 2 * (batch == 0 ? CudaOpening.DefaultBatch : batch);
        return new DetectorOptions
        {
            Device = arguments.GetValue(Device),
            MaxBatch = batch,
            Slots = (int)Math.Clamp(SlotBudget / slotBytes, 2, Math.Max(4, wantedSlots)),
            SlotBytes = slotBytes,
            ScoreThreshold = arguments.GetValue(Confidence),
            IouThreshold = arguments.GetValue(Iou),
            MaxDetections = arguments.GetValue(MaxDetections),
            Classes = classes,
            ClassAgnostic = arguments.GetValue(Agnostic),
            InputSizes = Options.InputSizes(arguments.GetValue(ImageSizes)),
            Precision = arguments.GetValue(Precision),
            Threads = arguments.GetValue(Threads),
            TensorRtHostCodeAllowed = arguments.GetValue(HostCode),
        };
    }

    /// <summary>What a run has to do, once its inputs are known.</summary>
    private sealed record Work(
        List<InputItem> Items,
        IReadOnlyList<string> Skipped,
        FrameSelection Selection,
        ResultOptions Results,
        CommandFiles Files,
        DetectorOptions Options);
}
