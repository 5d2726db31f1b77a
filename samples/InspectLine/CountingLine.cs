namespace InspectLine;

/// <summary>A vertical line across the belt. Parts travel left to right and count when their middle passes it.</summary>
/// <param name="x">Position in pixels from the left.</param>
internal sealed class CountingLine(float x)
{
    public float X { get; } = x;

    /// <summary>The parts whose middle passed the line with the last frame; each once, whatever it does later.</summary>
    public IReadOnlyList<Part> TakeCrossings(IReadOnlyCollection<Part> parts)
    {
        List<Part> crossed = [];
        foreach (Part part in parts)
        {
            if (!part.IsCounted && part.IsBelieved && part.PreviousCenterX < X && part.Box.CenterX >= X)
            {
                part.IsCounted = true;
                crossed.Add(part);
            }
        }

        return crossed;
    }
}
