namespace YoloZeroCopy;

/// <summary>How something that was looked at is.</summary>
public enum FindingVerdict
{
    /// <summary>As it should be.</summary>
    Good,

    /// <summary>It may cost speed, or limits what can be done.</summary>
    Note,

    /// <summary>It costs speed, or something cannot be done.</summary>
    Bad,

    /// <summary>It could not be looked at.</summary>
    Unknown,
}

/// <summary>One thing that <see cref="Doctor"/> looked at.</summary>
/// <param name="Name">What it is: <c>pcie</c>.</param>
/// <param name="Verdict">How it is.</param>
/// <param name="Found">What was found, in a sentence or less.</param>
/// <param name="Remedy">A command or an option that mends it; null where there is nothing to mend.</param>
public sealed record Finding(string Name, FindingVerdict Verdict, string Found, string? Remedy = null);
