namespace YoloZeroCopy;

/// <summary>How it stands with a video.</summary>
public enum VideoState
{
    /// <summary>It has not been reached yet, and nothing has failed.</summary>
    Connecting,

    /// <summary>It gives frames.</summary>
    Live,

    /// <summary>It gave no frame, or the same one again and again, for longer than it may.</summary>
    Stalled,

    /// <summary>The server answered that it will not: wrong user or password, or no such path.</summary>
    Refused,

    /// <summary>It cannot be reached or read, for another reason.</summary>
    Failed,

    /// <summary>It has ended, and was whole.</summary>
    Ended,
}
