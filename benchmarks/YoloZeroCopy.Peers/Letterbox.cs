namespace YoloZeroCopy.Peers;

/// <summary>Where a picture lies in the model's input: scaled to fit, in the middle, 114 around it.</summary>
internal readonly struct Letterbox
{
    public const byte Border = 114;

    public Letterbox(int width, int height, int targetWidth, int targetHeight)
    {
        Scale = Math.Min((float)targetWidth / width, (float)targetHeight / height);
        Width = (int)Math.Round(width * Scale);
        Height = (int)Math.Round(height * Scale);
        Left = (targetWidth - Width) / 2;
        Top = (targetHeight - Height) / 2;
    }

    public float Scale { get; }

    public int Width { get; }

    public int Height { get; }

    public int Left { get; }

    public int Top { get; }
}
