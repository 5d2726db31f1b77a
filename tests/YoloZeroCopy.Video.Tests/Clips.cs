namespace YoloZeroCopy.Video.Tests;

/// <summary>Makes little clips whose frames carry their own number in large black and white blocks, which survive compression.</summary>
internal static class Clips
{
    private const int Bits = 12;

    /// <summary>The program that the build put beside the tests.</summary>
    public static string Ffmpeg()
    {
        try
        {
            return FfmpegProgram.Find(null);
        }
        catch (NativeLibraryException error)
        {
            throw Xunit.Sdk.SkipException.ForSkip($"no ffmpeg: {error.Message}");
        }
    }

    public static void Paint(Span<byte> pixels, FrameFormat format, int number)
    {
        pixels.Fill(90);
        int block = format.Width / Bits;
        for (int y = 0; y < format.Height; y++)
        {
            for (int bit = 0; bit < Bits; bit++)
            {
                int bytes = format.RowBytes / format.Width;
                pixels.Slice((y * format.Stride) + (bit * block * bytes), block * bytes).Fill((number >> bit & 1) != 0 ? (byte)235 : (byte)20);
            }
        }
    }

    public static int Read(ReadOnlySpan<byte> pixels, FrameFormat format)
    {
        int number = 0;
        int block = format.Width / Bits;
        int bytes = format.PixelFormat == PixelFormat.Nv12 ? 1 : format.RowBytes / format.Width;
        for (int bit = 0; bit < Bits; bit++)
        {
            int x = (bit * block) + (block / 2);
            number |= pixels[(format.Height / 2 * format.Stride) + (x * bytes)] > 128 ? 1 << bit : 0;
        }

        return number;
    }

    public static async Task WriteAsync(string path, int width, int height, int frames, double rate = 25, int padding = 0)
    {
        FrameFormat format = new(PixelFormat.Bgr24, width, height, padding == 0 ? 0 : (3 * width) + padding);
        byte[] frame = new byte[format.ByteCount];
        await using VideoWriter writer = await VideoWriter.OpenAsync(path, format, rate, new VideoWriterOptions { FfmpegPath = Ffmpeg() });
        for (int i = 0; i < frames; i++)
        {
            Paint(frame, format, i);
            await writer.WriteFrameAsync(frame);
        }

        await writer.CompleteAsync();
    }

    /// <summary>A shell script in ffmpeg's place.</summary>
    public static string FakeFfmpeg(TempFolder folder, string script)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "the stand-in for ffmpeg is a shell script");
        string path = folder.File("fake-ffmpeg");
        File.WriteAllText(path, "#!/bin/sh\n" + script);
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }

        return path;
    }

    /// <summary>Waits until a process is gone from the table: neither running nor a zombie.</summary>
    public static async Task<bool> IsGoneAsync(int processId)
    {
        for (int i = 0; i < 100; i++)
        {
            if (!Directory.Exists($"/proc/{processId}"))
            {
                return true;
            }

            await Task.Delay(20);
        }

        return false;
    }
}
