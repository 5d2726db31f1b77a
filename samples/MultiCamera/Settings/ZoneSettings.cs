namespace MultiCamera.Settings;

/// <summary>A part of the picture within a polygon.</summary>
internal sealed record ZoneSettings
{
    public string Name { get; init; } = "";

    /// <summary>The corners, in order; the last is joined to the first.</summary>
    public IReadOnlyList<Place> Points { get; init; } = [];

    public IEnumerable<(string Field, string Problem)> Check()
    {
        if (Points.Count < 3)
        {
            yield return ("points", $"has {Points.Count} points; wanted are 3 or more");
        }

        for (int i = 0; i < Points.Count; i++)
        {
            if (!Points[i].IsInPicture)
            {
                yield return ($"points[{i}]", $"is {Points[i]}; wanted are numbers from 0 to 1, parts of the picture's width and height");
            }
        }
    }
}
