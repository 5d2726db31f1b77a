namespace MultiCamera.Outlets;

/// <summary>How many objects of a class were seen in a piece of time.</summary>
/// <param name="Time">Its begin.</param>
/// <param name="Class">Name of the class.</param>
/// <param name="Objects">Objects in all kept frames of it together.</param>
/// <param name="Frames">Kept frames that show one or more.</param>
internal sealed record DetectionCount(DateTimeOffset Time, string Class, long Objects, long Frames);
