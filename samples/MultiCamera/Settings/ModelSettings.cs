using YoloZeroCopy;

namespace MultiCamera.Settings;

/// <summary>The model that all cameras share, and the detector that runs it.</summary>
internal sealed record ModelSettings
{
    public string Path { get; init; } = "";

    /// <summary>"auto", "cpu" or "cuda:0".</summary>
    public string Device { get; init; } = "auto";

    /// <summary>Width and height of the model's input, where its file leaves them open.</summary>
    public IReadOnlyList<int>? Input { get; init; }

    /// <summary>Score below which the model's findings are left out. Low, as the tracker makes use of weak ones, too.</summary>
    public float MinScore { get; init; } = 0.1f;

    /// <summary>One place holds one object, whatever its class: of boxes that overlap, only the best is kept.</summary>
    public bool OneClassPerPlace { get; init; }

    public int MaxBatch { get; init; } = 8;

    /// <summary>The largest frame that a camera may have, in megapixels.</summary>
    public double MaxMegapixels { get; init; } = 1920 * 1088 / 1e6;

    /// <summary>Cameras, at one time, that the GPU will decode, such as "16 mjpeg 1920x1080": their memory is set aside at the start.</summary>
    public IReadOnlyList<string> Decoders { get; init; } = [];

    public DetectorOptions ToOptions() => new()
    {
        Device = YoloZeroCopy.Device.Parse(Device),
        InputSize = Input is [int width, int height] ? new ModelInputSize(width, height) : null,
        ScoreThreshold = MinScore,
        ClassAgnostic = OneClassPerPlace,
        MaxBatch = MaxBatch,
        SlotBytes = (int)(MaxMegapixels * 1e6 * 3 / 2),
        Slots = 1,
        ExpectedDecoders = Decoders.Count == 0 ? null : [.. Decoders.Select(ExpectedDecoders.Parse)],
    };

    public IEnumerable<(string Field, string Problem)> Check()
    {
        if (!File.Exists(Path))
        {
            yield return ("model.path", Path.Length == 0 ? "is missing" : $"is '{Path}'; no such file");
        }

        if (!IsDevice(Device))
        {
            yield return ("model.device", $"is '{Device}'; wanted is auto, cpu or cuda:0");
        }
        else if (Decoders.Count != 0 && YoloZeroCopy.Device.Parse(Device) == YoloZeroCopy.Device.Cpu)
        {
            yield return ("model.decoders", "is for cameras that a GPU decodes, and the device is the cpu");
        }

        foreach ((int index, string text) in Decoders.Index())
        {
            if (ProblemOf(text) is string problem)
            {
                yield return ($"model.decoders[{index}]", problem);
            }
        }

        if (Input is not null && !(Input is [> 0 and <= FrameFormat.MaxSize, > 0 and <= FrameFormat.MaxSize]))
        {
            yield return ("model.input", $"is [{string.Join(", ", Input)}]; wanted are width and height, such as [640, 384]");
        }

        if (!(MinScore > 0 && MinScore < 1))
        {
            yield return ("model.minScore", FormattableString.Invariant($"is {MinScore}; wanted is more than 0 and less than 1"));
        }

        if (MaxBatch is < 1 or > 64)
        {
            yield return ("model.maxBatch", $"is {MaxBatch}; wanted is 1 to 64");
        }

        if (!(MaxMegapixels > 0 && MaxMegapixels <= 64))
        {
            yield return ("model.maxMegapixels", FormattableString.Invariant($"is {MaxMegapixels}; wanted is more than 0, to 64"));
        }
    }

    private static string? ProblemOf(string decoders)
    {
        try
        {
            _ = ExpectedDecoders.Parse(decoders);
            return null;
        }
        catch (FormatException)
        {
            return $"is '{decoders}'; wanted are number, codec (h264, hevc, av1, mjpeg) and size, such as 16 mjpeg 1920x1080";
        }
    }

    private static bool IsDevice(string text)
    {
        try
        {
            _ = YoloZeroCopy.Device.Parse(text);
            return true;
        }
        catch (FormatException)
        {
            return false;
        }
    }
}
