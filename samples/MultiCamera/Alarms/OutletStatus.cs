namespace MultiCamera.Alarms;

/// <summary>How an outlet is and what it has done.</summary>
/// <param name="Name">What the outlet is, for example "mqtt".</param>
/// <param name="State">How it is.</param>
/// <param name="Since">Since when.</param>
/// <param name="Problem">Why it fails, for people; null where all is well.</param>
/// <param name="Delivered">Alarms handed over since the program started.</param>
/// <param name="Waiting">Alarms that wait to be handed over.</param>
/// <param name="Dropped">Alarms that could not be kept or were refused, since the program started.</param>
internal sealed record OutletStatus(
    string Name, OutletState State, DateTimeOffset Since, string? Problem, long Delivered, long Waiting, long Dropped);
