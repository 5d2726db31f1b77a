using MultiCamera.Outlets;

namespace MultiCamera.Settings;

/// <summary>All that one JSON file says: cameras, model, page and outlets.</summary>
internal sealed record SiteSettings
{
    /// <summary>Where the page listens.</summary>
    public string Listen { get; init; } = "http://127.0.0.1:8080";

    /// <summary>File whose first line is the token that the page asks for: required where it listens elsewhere than on this machine.</summary>
    public string? TokenFile { get; init; }

    public ModelSettings Model { get; init; } = new();

    public PictureSettings Pictures { get; init; } = new();

    public IReadOnlyList<CameraSettings> Cameras { get; init; } = [];

    /// <summary>Alarms to a broker; null for none.</summary>
    public MqttOptions? Mqtt { get; init; }

    /// <summary>Alarms and detections to a database; null for none.</summary>
    public HistoryOptions? History { get; init; }

    /// <summary>Pictures and clips of alarms to a folder; null for none.</summary>
    public MediaOptions? Media { get; init; }

    /// <summary>The same with paths from a folder on.</summary>
    public SiteSettings LocatedIn(string folder)
    {
        return this with
        {
            TokenFile = Located(TokenFile),
            Model = Model with { Path = Located(Model.Path)! },
            Cameras = [.. Cameras.Select(camera => camera.IsUrl ? camera : camera with { Source = Located(camera.Source)! })],
            Mqtt = Mqtt is null ? null : Mqtt with
            {
                CertificateAuthority = Located(Mqtt.CertificateAuthority),
                PasswordFile = Located(Mqtt.PasswordFile),
                QueueFile = Located(Mqtt.QueueFile)!,
            },
            History = History is null ? null : History with { File = Located(History.File)! },
            Media = Media is null ? null : Media with { Folder = Located(Media.Folder)! },
        };

        // What is missing stays so, to be told.
        string? Located(string? path) => string.IsNullOrWhiteSpace(path) ? path : Path.GetFullPath(path, folder);
    }

    /// <summary>The fields that other settings change and that a running program does not take; empty where there are none.</summary>
    public string NeedsRestart(SiteSettings next)
    {
        List<string> fields = [];
        if (Listen != next.Listen)
        {
            fields.Add("listen");
        }

        if (TokenFile != next.TokenFile)
        {
            fields.Add("tokenFile");
        }

        foreach ((string field, object? mine, object? others) in new (string, object?, object?)[]
        {
            ("model", Model, next.Model), ("mqtt", Mqtt, next.Mqtt), ("history", History, next.History), ("media", Media, next.Media),
        })
        {
            if (!SettingsFile.AreSame(mine, others))
            {
                fields.Add(field);
            }
        }

        return string.Join(", ", fields);
    }

    /// <summary>What is wrong, each with the field as it stands in the file.</summary>
    public IEnumerable<(string Field, string Problem)> Check()
    {
        if (!Uri.TryCreate(Listen, UriKind.Absolute, out Uri? address) || address.Scheme != Uri.UriSchemeHttp)
        {
            yield return ("listen", $"is '{Listen}'; wanted is an address such as http://127.0.0.1:8080");
        }
        else if (!address.IsLoopback && TokenFile is null)
        {
            yield return ("listen", $"is '{Listen}', which other machines reach; that needs a tokenFile");
        }

        foreach ((string field, string problem) in Model.Check().Concat(Pictures.Check())
            .Concat(In("mqtt", Mqtt?.Check())).Concat(In("history", History?.Check())).Concat(In("media", Media?.Check())))
        {
            yield return (field, problem);
        }

        if (Cameras.Count == 0)
        {
            yield return ("cameras", "is empty; wanted is one camera or more");
        }

        HashSet<string> names = new(StringComparer.OrdinalIgnoreCase);
        for (int i = 0; i < Cameras.Count; i++)
        {
            foreach ((string field, string problem) in Cameras[i].Check())
            {
                yield return ($"cameras[{i}].{field}", problem);
            }

            if (!names.Add(Cameras[i].Name))
            {
                yield return ($"cameras[{i}].name", $"is '{Cameras[i].Name}', as that of another camera");
            }
        }
    }

    // Outlets name their fields as they stand in the code.
    private static IEnumerable<(string Field, string Problem)> In(string part, IEnumerable<(string Field, string Problem)>? problems) =>
        (problems ?? []).Select(problem => ($"{part}.{char.ToLowerInvariant(problem.Field[0])}{problem.Field[1..]}", problem.Problem));
}
