namespace YoloZeroCopy.Cli;

/// <summary>What a file holds.</summary>
internal enum InputKind
{
    Picture,
    Video,
}

/// <summary>One picture or video to be read.</summary>
/// <param name="Path">The file.</param>
/// <param name="Source">What results call it: the file's name, or its path as given where two inputs share a name.</param>
/// <param name="Kind">What it holds.</param>
internal sealed record InputItem(string Path, string Source, InputKind Kind)
{
    /// <summary>Layout of its frames, as they are decoded.</summary>
    public FrameFormat Format { get; init; }

    /// <summary>File that it is drawn into with its detections; null where nothing is drawn.</summary>
    public string? Output { get; init; }

    /// <summary>Frames in it, of a video as far as its length tells; 0 where it tells nothing.</summary>
    public long Frames { get; init; }

    /// <summary>Frames a second, of a video.</summary>
    public double FrameRate { get; init; }
}
