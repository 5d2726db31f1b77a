using System.CommandLine;

namespace YoloZeroCopy.Cli;

/// <summary>The outputs of <c>yzc detect</c>, as its options name them.</summary>
internal sealed record ResultOptions
{
    private const string StandardOutputName = "-";

    private static readonly Option<string?> JsonOption = new("--json")
    {
        Description = "Write one JSON object a line for each frame, in input order; - is standard output, a file has its name when it is complete. "
            + "Without an output on standard output it gets a line of text for each frame.",
        HelpName = "FILE",
    };

    private static readonly Option<string?> CsvOption = new("--csv")
    {
        Description = "Write a table with one row for each detection; - is standard output.",
        HelpName = "FILE",
    };

    private static readonly Option<string?> CocoOption = new("--coco")
    {
        Description = "Write images, annotations with scores, and categories in COCO's format; - is standard output.",
        HelpName = "FILE",
    };

    private static readonly Option<string?> OutputOption = new("--output", "-o")
    {
        Description = "Folder for the results of --save, --save-txt and --save-crop; without one of them, of --save. "
            + $"Default: {ResultFolder.StandardProject}/{ResultFolder.StandardName}, predict2, ...",
        HelpName = "DIR",
    };

    private static readonly Option<bool> SaveOption =
        new("--save") { Description = "Write pictures and videos with the detections drawn into them." };

    private static readonly Option<bool> SaveTextOption = new("--save-txt")
    {
        Description = "Write labels/NAME.txt for each frame with objects: class, centre, width and height of each, relative to the frame.",
    };

    private static readonly Option<bool> SaveScoresOption = new("--save-conf") { Description = "Add the score to each line of --save-txt." };
    private static readonly Option<bool> SaveCropsOption = new("--save-crop") { Description = "Write crops/CLASS/NAME.jpg for each object." };

    private static readonly Option<string?> ProjectOption = new("--project")
    {
        Description = $"Folder for the folders of runs. Default: {ResultFolder.StandardProject}.",
        HelpName = "DIR",
    };

    private static readonly Option<string?> NameOption = new("--name")
    {
        Description = $"Name of the run's folder; a number is added where it is taken. Default: {ResultFolder.StandardName}.",
        HelpName = "NAME",
    };

    private static readonly Option<bool> ExistOkOption = new("--exist-ok")
    {
        Description = "Write into a folder that holds results: of the same name they are replaced.",
    };

    /// <summary>File of JSON lines, <c>-</c>, or null; so are the next two.</summary>
    public string? Json { get; init; }

    public string? Csv { get; init; }

    public string? Coco { get; init; }

    /// <summary>Whether pictures and videos are drawn into.</summary>
    public bool Save { get; init; }

    public bool SaveText { get; init; }

    public bool SaveScores { get; init; }

    public bool SaveCrops { get; init; }

    /// <summary>Whether the user knows that the folder may hold results.</summary>
    public bool MayExist { get; init; }

    /// <summary>The folder; null where nothing is written into one.</summary>
    public ResultFolder? Folder { get; init; }

    /// <summary>Whether frames' pixels are needed after detection.</summary>
    public bool NeedsPixels => Save || SaveCrops;

    /// <summary>The files of lines, by their options.</summary>
    public IEnumerable<(string Option, string? File)> Files =>
        [(JsonOption.Name, FileOf(Json)), (CsvOption.Name, FileOf(Csv)), (CocoOption.Name, FileOf(Coco))];

    /// <summary>Whether something for programs goes to standard output.</summary>
    public bool TakesStandardOutput => Json == StandardOutputName || Csv == StandardOutputName || Coco == StandardOutputName;

    /// <summary>Whether standard output gets lines for people, because there are none for programs.</summary>
    public bool IsForPeople => Json is null && Csv is null && Coco is null;

    /// <summary>The files that pictures and videos will be drawn into, as far as anything may be there already.</summary>
    public IEnumerable<string> AnnotatedFiles(IEnumerable<InputItem> items) =>
        Save && Folder is { IsFresh: false } folder ? AnnotatedOutput.PlanFiles(folder.Path, items).Select(static item => item.Output!) : [];

    /// <summary>Says that a folder holds results of an earlier run already, unless the user has said so.</summary>
    public void WarnOfEarlier(IEnumerable<InputItem> items)
    {
        if (!MayExist && Folder is { IsFresh: false } folder
            && (AnnotatedFiles(items).Any(File.Exists)
                || (SaveText && folder.HasFilesIn(ResultFolder.LabelFolder))
                || (SaveCrops && folder.HasFilesIn(ResultFolder.CropFolder))))
        {
            ErrorReport.Write(
                $"folder '{folder.Path}' holds results already: those of the same name are replaced, the others stay.",
                "--exist-ok says that this is meant; without --output each run has a folder of its own.");
        }
    }

    public static void AddOptions(Command command)
    {
        Option[] options =
        [
            JsonOption, CsvOption, CocoOption, OutputOption, SaveOption, SaveTextOption, SaveScoresOption, SaveCropsOption, ProjectOption, NameOption,
            ExistOkOption,
        ];
        foreach (Option option in options)
        {
            command.Add(option);
        }

        command.Validators.Add(static result =>
        {
            if (result.GetValue(OutputOption) is not null && (result.GetValue(ProjectOption) ?? result.GetValue(NameOption)) is not null)
            {
                result.AddError("--output names the folder; --project and --name do, too. Give one of both.");
            }

            if (result.GetValue(SaveScoresOption) && !result.GetValue(SaveTextOption))
            {
                result.AddError("--save-conf adds to --save-txt, which is not given.");
            }

            string?[] files = [result.GetValue(JsonOption), result.GetValue(CsvOption), result.GetValue(CocoOption)];
            if (files.Count(static file => file == StandardOutputName) > 1)
            {
                result.AddError("one of --json, --csv and --coco can go to standard output ('-').");
            }
        });
    }

    public static ResultOptions Of(ParseResult arguments)
    {
        string? output = arguments.GetValue(OutputOption);
        string? project = arguments.GetValue(ProjectOption);
        string? name = arguments.GetValue(NameOption);
        bool mayExist = arguments.GetValue(ExistOkOption);
        bool isNamed = (output ?? project ?? name) is not null;
        bool labels = arguments.GetValue(SaveTextOption);
        bool crops = arguments.GetValue(SaveCropsOption);

        // As it was before there was anything else: who names a folder and nothing that goes into it wants pictures.
        bool save = arguments.GetValue(SaveOption) || (isNamed && !labels && !crops);
        string run = Path.Combine(project ?? ResultFolder.StandardProject, name ?? ResultFolder.StandardName);
        return new ResultOptions
        {
            Json = arguments.GetValue(JsonOption),
            Csv = arguments.GetValue(CsvOption),
            Coco = arguments.GetValue(CocoOption),
            Save = save,
            SaveText = labels,
            SaveScores = arguments.GetValue(SaveScoresOption),
            SaveCrops = crops,
            MayExist = mayExist,
            Folder = !(save || labels || crops) ? null
                : output is not null ? ResultFolder.Named(output)
                : mayExist ? ResultFolder.Named(run)
                : ResultFolder.Fresh(run),
        };
    }

    private static string? FileOf(string? target) => target == StandardOutputName ? null : target;
}
