namespace MultiCamera.Alarms;

/// <summary>What a rule watches for.</summary>
internal enum AlarmKind
{
    /// <summary>An object stayed in a zone for longer than it may.</summary>
    Dwell,

    /// <summary>More objects were in a zone than may be.</summary>
    Count,

    /// <summary>An object crossed a line.</summary>
    Crossing,
}
