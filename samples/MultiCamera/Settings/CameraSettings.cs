using MultiCamera.Alarms;
using YoloZeroCopy;

namespace MultiCamera.Settings;

/// <summary>One camera: where its frames come from and what it watches for.</summary>
internal sealed record CameraSettings
{
    public string Name { get; init; } = "";

    /// <summary>A file, a folder of pictures, or a URL such as rtsp://user:password@camera/stream, which is taken to have no end.</summary>
    public string Source { get; init; } = "";

    /// <summary>True: a file begins again when it ends.</summary>
    public bool Repeat { get; init; }

    /// <summary>True: a file is read as fast as the detector takes it and no frame is left out. False: at its own speed, as a camera.</summary>
    public bool EveryFrame { get; init; }

    /// <summary>Who decodes. What the GPU decodes stays there, so that the camera has no pictures.</summary>
    public VideoDecoding Decoding { get; init; }

    /// <summary>Which point of an object is in a zone or crosses a line.</summary>
    public Anchor Anchor { get; init; }

    /// <summary>Its share beside other cameras while there is too much for all.</summary>
    public double Weight { get; init; } = 1;

    /// <summary>Whether it is served before or after others.</summary>
    public SourcePriority Priority { get; init; } = SourcePriority.Normal;

    /// <summary>No frame that is older is looked at; null for any.</summary>
    public double? MaxAgeSeconds { get; init; }

    /// <summary>Time from a frame's arrival by which it must have been looked at, or it is left out; null for none.</summary>
    public double? DeadlineSeconds { get; init; }

    public IReadOnlyList<ZoneSettings> Zones { get; init; } = [];

    public IReadOnlyList<LineSettings> Lines { get; init; } = [];

    public IReadOnlyList<RuleSettings> Rules { get; init; } = [];

    public bool IsUrl => Source.Contains("://", StringComparison.Ordinal);

    public VideoSourceOptions ToVideo() => new()
    {
        Reader = new VideoReaderOptions
        {
            AllowUrl = IsUrl,
            PixelFormat = PixelFormat.Nv12,
            IgnoreDecodeErrors = true,
            // Whatever a server says of a length: a camera has none, and its end is a fault that it comes back from.
            IsLive = IsUrl ? true : null,
        },
        Decoding = Decoding,
        InRealTime = !EveryFrame,
    };

    public HubSourceOptions ToSource() => new()
    {
        Weight = Weight,
        Priority = Priority,
        Overflow = EveryFrame ? OverflowPolicy.Wait : OverflowPolicy.DropOldest,
        MaxFrameAge = TimeSpan.FromSeconds(MaxAgeSeconds ?? 0),
        DropsAgedResults = MaxAgeSeconds is not null,
        Deadline = TimeSpan.FromSeconds(DeadlineSeconds ?? 0),
        Repeats = Repeat,
    };

    public IEnumerable<(string Field, string Problem)> Check()
    {
        if (!Names.IsValid(Name))
        {
            yield return ("name", Name.Length == 0 ? $"is missing; wanted are {Names.Rule}" : $"is '{Name}'; wanted are {Names.Rule}");
        }

        if (string.IsNullOrWhiteSpace(Source))
        {
            yield return ("source", "is missing; wanted is a file, a folder or a URL");
        }

        if (IsUrl && (Repeat || EveryFrame))
        {
            yield return (Repeat ? "repeat" : "everyFrame", "is for files; the source is a URL");
        }

        if (!(Weight >= 0.01 && Weight <= 1000))
        {
            yield return ("weight", FormattableString.Invariant($"is {Weight}; wanted is 0.01 to 1000"));
        }

        foreach ((string field, double? seconds) in new[] { ("maxAgeSeconds", MaxAgeSeconds), ("deadlineSeconds", DeadlineSeconds) })
        {
            if (seconds is double time && !(time >= 0.001 && time <= 3600))
            {
                yield return (field, FormattableString.Invariant($"is {time}; wanted is 0.001 to 3600"));
            }
        }

        foreach ((string field, string problem) in CheckPlaces("zones", Zones, zone => zone.Name, zone => zone.Check())
            .Concat(CheckPlaces("lines", Lines, line => line.Name, line => line.Check()))
            .Concat(CheckPlaces("rules", Rules, rule => rule.Name, rule => rule.Check(this))))
        {
            yield return (field, problem);
        }
    }

    private static IEnumerable<(string Field, string Problem)> CheckPlaces<T>(
        string list, IReadOnlyList<T> items, Func<T, string> nameOf, Func<T, IEnumerable<(string Field, string Problem)>> check)
    {
        HashSet<string> names = [];
        for (int i = 0; i < items.Count; i++)
        {
            string name = nameOf(items[i]);
            if (string.IsNullOrWhiteSpace(name))
            {
                yield return ($"{list}[{i}].name", "is missing");
            }
            else if (!names.Add(name))
            {
                yield return ($"{list}[{i}].name", $"is '{name}', as that of another of the camera's {list}");
            }

            foreach ((string field, string problem) in check(items[i]))
            {
                yield return ($"{list}[{i}].{field}", problem);
            }
        }
    }
}
