namespace InspectLine;

/// <summary>A vertical line across the belt. Parts travel left to right and count when their middle passes it.</summary>
/// <param name="x">Position in pixels from the left.</param>
internal sealed class CountingLine(float x)
{
    public float X { get; } = x;

    /// <summary>The parts whose middle passed the line with the last frame; each once, whatever it does later.</summary>
    public IReadOnlyList<Track> TakeCrossings(IReadOnlyList<Track> tracks)
    {
        List<Track> crossed = [];
        foreach (Track track in tracks)
        {
            if (!track.IsCounted && track.IsBelieved && track.PreviousCenterX < X && Boxes.CenterX(track.Box) >= X)
            {
                track.IsCounted = true;
                crossed.Add(track);
            }
        }

        return crossed;
    }
}
