namespace YoloZeroCopy;

/// <summary>How it stands with a source of a <see cref="SourceHub"/>.</summary>
public enum SourceState
{
    /// <summary>It has given no frame yet, and nothing has failed.</summary>
    Connecting,

    /// <summary>It gives frames.</summary>
    Live,

    /// <summary>It gave none for longer than it may, as its producer says.</summary>
    Stalled,

    /// <summary>It is not given to us: wrong user or password, no such camera, as its producer says.</summary>
    Refused,

    /// <summary>Its producer failed, or says that it cannot be reached or read.</summary>
    Failed,

    /// <summary>Its frames have come to their end, and are handled.</summary>
    Ended,

    /// <summary>It was removed from its hub.</summary>
    Removed,
}
