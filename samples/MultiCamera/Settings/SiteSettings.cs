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

    /// <summary>The same with paths from a folder on.</summary>
    public SiteSettings LocatedIn(string folder) => this with
    {
        TokenFile = TokenFile is string token ? Path.GetFullPath(token, folder) : null,
        Model = Model with { Path = Model.Path.Length > 0 ? Path.GetFullPath(Model.Path, folder) : "" },
        Cameras = [.. Cameras.Select(camera =>
            camera.IsUrl || string.IsNullOrWhiteSpace(camera.Source) ? camera : camera with { Source = Path.GetFullPath(camera.Source, folder) })],
    };

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

        if (!SettingsFile.AreSame(Model, next.Model))
        {
            fields.Add("model");
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

        foreach ((string field, string problem) in Model.Check().Concat(Pictures.Check()))
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
}
