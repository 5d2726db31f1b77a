namespace YoloZeroCopy;

/// <summary>Why a detector refused a producer of shared frames.</summary>
public enum SharedFrameRefusal
{
    /// <summary>It did not: the socket is not there, nobody answers, or the other side is gone. It may come back: connect anew.</summary>
    None,

    /// <summary>It speaks another version of the protocol.</summary>
    Version,

    /// <summary>The producer's user is none of those who may (<see cref="SharedSourceOptions.Users"/>).</summary>
    User,

    /// <summary>A message was of another length or kind than this protocol has.</summary>
    Message,

    /// <summary>A frame named a slot that was not the producer's, or a generation of it that is over.</summary>
    Slot,

    /// <summary>A frame's format is none, or larger than its slot.</summary>
    Format,
}

/// <summary>A producer of shared frames was refused by the detector's process, or has lost it.</summary>
public sealed class SharedFrameException : YoloZeroCopyException
{
    /// <summary>Reports what became of the connection.</summary>
    /// <param name="message">What happened.</param>
    /// <param name="refusal">The detector's reason; none where it is gone.</param>
    /// <param name="innerException">Cause, where there is one.</param>
    public SharedFrameException(string message, SharedFrameRefusal refusal = SharedFrameRefusal.None, Exception? innerException = null)
        : base(message, innerException) => Refusal = refusal;

    /// <summary>The detector's reason. With <see cref="SharedFrameRefusal.None"/> it is worth connecting anew, with others something is to be
    /// mended.</summary>
    public SharedFrameRefusal Refusal { get; }
}
