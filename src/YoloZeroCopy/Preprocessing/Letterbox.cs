namespace YoloZeroCopy;

/// <summary>Where a frame lies inside a model's input: resized with its aspect kept and centred on padding, as Ultralytics does it.</summary>
/// <remarks>
/// gain = min(inputHeight / frameHeight, inputWidth / frameWidth); the resized size is rounded half to even and at least one pixel; the padding of an
/// odd remainder is one pixel smaller on the left and top (Ultralytics rounds (remainder / 2) - 0.1). Boxes map back by (x - Left) / Gain.
/// </remarks>
internal readonly record struct Letterbox
{
    /// <summary>Value of the padding's samples, of 255.</summary>
    public const byte Padding = 114;

    public Letterbox(int frameWidth, int frameHeight, int inputWidth, int inputHeight)
    {
        double gain = Math.Min((double)inputHeight / frameHeight, (double)inputWidth / frameWidth);
        FrameWidth = frameWidth;
        FrameHeight = frameHeight;
        InputWidth = inputWidth;
        InputHeight = inputHeight;
        Gain = gain;
        Width = Math.Clamp((int)Math.Round(frameWidth * gain, MidpointRounding.ToEven), 1, inputWidth);
        Height = Math.Clamp((int)Math.Round(frameHeight * gain, MidpointRounding.ToEven), 1, inputHeight);
        Left = (int)Math.Round(((inputWidth - Width) / 2.0) - 0.1, MidpointRounding.ToEven);
        Top = (int)Math.Round(((inputHeight - Height) / 2.0) - 0.1, MidpointRounding.ToEven);
    }

    public int FrameWidth { get; }

    public int FrameHeight { get; }

    public int InputWidth { get; }

    public int InputHeight { get; }

    /// <summary>Input pixels per frame pixel.</summary>
    public double Gain { get; }

    /// <summary>Width of the resized frame inside the input.</summary>
    public int Width { get; }

    /// <summary>Height of the resized frame inside the input.</summary>
    public int Height { get; }

    /// <summary>Columns of padding before the resized frame.</summary>
    public int Left { get; }

    /// <summary>Rows of padding above the resized frame.</summary>
    public int Top { get; }
}
