namespace YoloZeroCopy.Cli;

/// <summary>What a run of <c>yzc bench</c> measures.</summary>
internal sealed record BenchSettings
{
    public required string Model { get; init; }

    public required FrameFormat Format { get; init; }

    public required DetectorOptions Detector { get; init; }

    /// <summary>How long each of the two rates is measured.</summary>
    public required TimeSpan Time { get; init; }

    /// <summary>Frames that are measured one at a time; 0 leaves it to the device.</summary>
    public int SingleFrames { get; init; }

    /// <summary>Whether the ordinary way is measured beside it.</summary>
    public bool Ordinary { get; init; }

    /// <summary>Producers that copy their frames into slots; 0 for none.</summary>
    public int Producers { get; init; }

    /// <summary>Whether frames in registered memory and on the device are measured beside those in slots.</summary>
    public bool External { get; init; }

    /// <summary>Whether every transfer mode is measured with frames of several sizes and formats.</summary>
    public bool TransferModes { get; init; }

    /// <summary>Whether preprocessing by NPP is measured beside the kernel.</summary>
    public bool Npp { get; init; }

    /// <summary>Whether taking device memory for every frame is measured.</summary>
    public bool DeviceMemory { get; init; }

    /// <summary>What needs a device, as the options are called.</summary>
    public string[] OnDevice
    {
        get
        {
            (bool Asked, string Name)[] options =
            [
                (Ordinary, "--ordinary"), (Profile, "--profile"), (TransferModes, "--transfer-modes"), (Npp, "--npp"),
                (DeviceMemory, "--device-memory"), (Timeline is not null, "--timeline"), (Videos.Count > 0, "--video"),
            ];
            return [.. options.Where(static option => option.Asked).Select(static option => option.Name)];
        }
    }

    /// <summary>Time at full load that is watched; zero for none.</summary>
    public TimeSpan Soak { get; init; }

    /// <summary>Whether kinds of kernels are told apart.</summary>
    public bool Profile { get; init; }

    /// <summary>File for the picture of the stages; null for none.</summary>
    public string? Timeline { get; init; }

    /// <summary>Clips that are decoded on the device and detected in.</summary>
    public IReadOnlyList<string> Videos { get; init; } = [];

    /// <summary>Streams of each clip at a time.</summary>
    public IReadOnlyList<int> Streams { get; init; } = [];

    public bool Quick { get; init; }

    /// <summary>How long parts are measured that are steady after a moment.</summary>
    public TimeSpan PartTime => TimeSpan.FromSeconds(Quick ? 0.1 : 1);
}
