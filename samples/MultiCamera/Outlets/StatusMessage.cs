namespace MultiCamera.Outlets;

/// <summary>How a camera or the program is, as the broker retains it.</summary>
/// <param name="State">One word; the program's are "online" and "offline".</param>
/// <param name="Time">Since when; null in the last will, whose time nobody knows beforehand.</param>
/// <param name="Problem">Why, for people; null where all is well.</param>
internal sealed record StatusMessage(string State, DateTimeOffset? Time, string? Problem);
