namespace YoloZeroCopy.Results;

/// <summary>Which way a figure gets better.</summary>
internal enum Better
{
    /// <summary>It only describes.</summary>
    Neither,

    /// <summary>Times, bytes, copies.</summary>
    Lower,

    /// <summary>Rates.</summary>
    Higher,
}

/// <summary>One measured number.</summary>
/// <param name="Value">The number, of several measurements their median.</param>
/// <param name="Unit">Its unit; empty where its name says it.</param>
/// <param name="Better">Which way it gets better.</param>
/// <param name="Deviation">Standard deviation of the measurements; null where there was one.</param>
internal sealed record Figure(double Value, string Unit, Better Better, double? Deviation = null);
