namespace YoloZeroCopy;

/// <summary>Whose frames a batch is made of first.</summary>
public enum SourcePriority
{
    /// <summary>Has what the others leave.</summary>
    Low,

    /// <summary>The usual one.</summary>
    Normal,

    /// <summary>
    /// Served before all others, which get nothing while such sources alone fill every lane: for the one camera that something moves by.
    /// </summary>
    High,
}
