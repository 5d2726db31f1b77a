namespace InspectLine;

/// <summary>How many of the wanted things were found, and how many of the found things were wanted.</summary>
internal sealed class Score
{
    public int Right { get; set; }

    /// <summary>Found, but not there.</summary>
    public int False { get; set; }

    /// <summary>There, but not found.</summary>
    public int Missed { get; set; }

    /// <summary>Share of the found things that are there; 1 when nothing was found.</summary>
    public double Precision => Right + False == 0 ? 1 : (double)Right / (Right + False);

    /// <summary>Share of the things there that were found; 1 when there were none.</summary>
    public double Recall => Right + Missed == 0 ? 1 : (double)Right / (Right + Missed);

    public override string ToString() => $"precision {Precision:F4}, recall {Recall:F4} ({Right} right, {False} false, {Missed} missed)";

    public static Score Sum(IEnumerable<Score> scores)
    {
        Score sum = new();
        foreach (Score score in scores)
        {
            sum.Right += score.Right;
            sum.False += score.False;
            sum.Missed += score.Missed;
        }

        return sum;
    }
}
