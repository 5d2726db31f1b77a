namespace YoloZeroCopy.Cli;

/// <summary>Tells an animated GIF, which is a video, from one that is a picture.</summary>
internal static class GifFrames
{
    // The blocks of a GIF89a file: sizes in bytes, and the bytes that begin them.
    private const int HeaderBytes = 13;
    private const int DescriptorBytes = 9;
    private const int FlagsOfScreen = 10;
    private const int FlagsOfImage = 8;
    private const int HasColors = 0x80;
    private const int Extension = 0x21;
    private const int Image = 0x2C;

    /// <summary>Whether a file holds two frames or more; false for one that is damaged or cannot be read.</summary>
    public static bool AreSeveral(string path)
    {
        try
        {
            using FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            return AreSeveral(file);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static bool AreSeveral(FileStream file)
    {
        Span<byte> block = stackalloc byte[HeaderBytes];
        file.ReadExactly(block);
        if (!block.StartsWith("GIF8"u8))
        {
            return false;
        }

        SkipColors(file, block[FlagsOfScreen]);
        for (int frames = 0; frames < 2;)
        {
            switch (file.ReadByte())
            {
                case Extension:
                    _ = file.ReadByte();
                    break;
                case Image:
                    frames++;
                    file.ReadExactly(block[..DescriptorBytes]);
                    SkipColors(file, block[FlagsOfImage]);
                    _ = file.ReadByte();
                    break;
                default:
                    return false;
            }

            // Data follow in pieces of a length each, to one of none.
            for (int length = file.ReadByte(); length > 0; length = file.ReadByte())
            {
                file.Position += length;
            }
        }

        return true;
    }

    private static void SkipColors(FileStream file, int flags) => file.Position += (flags & HasColors) == 0 ? 0 : 3 << ((flags & 7) + 1);
}
