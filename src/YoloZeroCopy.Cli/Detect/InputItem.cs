namespace YoloZeroCopy.Cli;

/// <summary>What an input holds.</summary>
internal enum InputKind
{
    Picture,
    Video,
}

/// <summary>Where an input comes from.</summary>
internal enum InputOrigin
{
    File,
    StandardInput,
    Url,
    Camera,
}

/// <summary>One picture or video to be read.</summary>
/// <param name="Path">The file, URL or device; <c>-</c> for standard input.</param>
/// <param name="Source">What results call it: the file's name, or its path as given where two inputs share a name. It has no password in it.</param>
/// <param name="Kind">What it holds.</param>
internal sealed record InputItem(string Path, string Source, InputKind Kind)
{
    public InputOrigin Origin { get; init; }

    /// <summary>What the files that are written for it are called, without an ending: no other input has the same.</summary>
    public string Stem { get; init; } = string.Empty;

    /// <summary>Layout of its frames, as they are decoded.</summary>
    public FrameFormat Format { get; init; }

    /// <summary>File that it is drawn into with its detections; null where nothing is drawn.</summary>
    public string? Output { get; init; }

    /// <summary>Frames that will be handled, as far as a video's length tells; 0 where it tells nothing.</summary>
    public long Frames { get; init; }

    /// <summary>Frames a second, of a video.</summary>
    public double FrameRate { get; init; }

    /// <summary>The reader of a live source, which is connected to once; null of what can be opened again.</summary>
    public VideoReader? Live { get; init; }

    /// <summary>The whole file of a picture that is no file here; null for one that is.</summary>
    public ReadOnlyMemory<byte>? Content { get; init; }

    /// <summary>Why it cannot be read; null for one that can.</summary>
    public Exception? Failure { get; init; }
}
