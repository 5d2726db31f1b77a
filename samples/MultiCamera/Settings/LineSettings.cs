namespace MultiCamera.Settings;

/// <summary>A line that objects cross. Its left and right are those of someone who stands at <see cref="From"/> and looks to
/// <see cref="To"/>.</summary>
internal sealed record LineSettings
{
    public string Name { get; init; } = "";

    public Place From { get; init; }

    public Place To { get; init; }

    public IEnumerable<(string Field, string Problem)> Check()
    {
        if (!From.IsInPicture)
        {
            yield return ("from", $"is {From}; wanted are numbers from 0 to 1, parts of the picture's width and height");
        }

        if (!To.IsInPicture)
        {
            yield return ("to", $"is {To}; wanted are numbers from 0 to 1, parts of the picture's width and height");
        }
        else if (From == To)
        {
            yield return ("to", $"is {To}, as from: that is no line");
        }
    }
}
