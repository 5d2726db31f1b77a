namespace MultiCamera.Settings;

/// <summary>The pictures with boxes that the page shows and clips are made of.</summary>
internal sealed record PictureSettings
{
    /// <summary>Pictures a second of each camera.</summary>
    public double Rate { get; init; } = 5;

    /// <summary>Width that they have at most; those of alarms are as large as the frame.</summary>
    public int Width { get; init; } = 640;

    public IEnumerable<(string Field, string Problem)> Check()
    {
        if (!(Rate >= 0.1 && Rate <= 60))
        {
            yield return ("pictures.rate", FormattableString.Invariant($"is {Rate}; wanted is 0.1 to 60"));
        }

        if (Width is < 64 or > 8192)
        {
            yield return ("pictures.width", $"is {Width}; wanted is 64 to 8192");
        }
    }
}
