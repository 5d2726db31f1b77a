namespace YoloZeroCopy;

/// <summary>Who may write the frames of a source that another process produces, and how large they are. Copied when the source is added.</summary>
public sealed record SharedSourceOptions
{
    /// <summary>
    /// Bytes of the largest frame, at most <see cref="YoloDetector.SlotBytes"/>; 0 is for those. The memory that both processes share has so many for
    /// each of <see cref="HubSourceOptions.FramesAhead"/> slots.
    /// </summary>
    public int SlotBytes { get; set; }

    /// <summary>
    /// Whether the slots are memory of the detector's device, which producers open by CUDA's inter-process communication and write with kernels or
    /// copies of their own (<see cref="SharedProducer.DeviceHandle"/>). A frame is submitted when it is written, not when its writing is queued. The
    /// detector runs on CUDA then, and <see cref="SourceFrame.Pixels"/> are empty.
    /// </summary>
    public bool OnDevice { get; set; }

    /// <summary>Rights of the socket's file: who may not write it cannot connect. By default only this process's user, and who is root.</summary>
    public UnixFileMode SocketMode { get; set; } = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>Numbers of the users (uid) whose processes are welcome, as the kernel names them; null for the user of this process alone.</summary>
    public IReadOnlyCollection<uint>? Users { get; set; }

    internal void Validate()
    {
        if (((int)SocketMode & ~0x1FF) != 0)
        {
            throw new ArgumentOutOfRangeException(
                nameof(SocketMode), SocketMode, $"{nameof(SocketMode)} is {SocketMode}; reading and writing are rights here.");
        }

        if (Users is { Count: 0 })
        {
            throw new ArgumentException(
                $"{nameof(Users)} is empty, so that nobody could connect; null is for the user of this process.", nameof(Users));
        }
    }
}
