using System.Diagnostics;

namespace YoloZeroCopy.Video.Tests;

/// <summary>Makes little clips whose frames carry their own number in large black and white blocks, which survive compression.</summary>
internal static class Clips
{
    /// <summary>What a stand-in prints for ffmpeg that sends frames of 4x2 pixels, 24 bytes each.</summary>
    public const string Banner =
        "echo \"[info] Output #0, nut, to 'pipe:1':\" >&2\n"
        + "echo '[info]     Stream #0:0: Video: rawvideo (BGR[24] / 0x18524742), bgr24, 4x2, q=2-31, 25 fps, 25 tbn' >&2\n";

    /// <summary>How a stand-in sends what <see cref="FakeFfmpeg"/> was given.</summary>
    public const string Send = Banner + "cat \"$0.nut\"\n";

    private const int Bits = 12;

    /// <summary>The machine's program, else the one that the build put beside the tests.</summary>
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

    /// <summary>Whether the program's libavformat is of a version or a later one.</summary>
    public static async Task<bool> IsFormatAsync(int major, int minor) =>
        (await FfmpegProgram.OpenAsync(Ffmpeg(), CancellationToken.None)).FormatVersion >= new Version(major, minor);

    /// <summary>ffprobe beside the ffmpeg, or of the machine; null where there is none.</summary>
    public static string? Ffprobe()
    {
        string name = OperatingSystem.IsWindows() ? "ffprobe.exe" : "ffprobe";
        string[] path = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator);
        IEnumerable<string> folders = [Path.GetDirectoryName(Ffmpeg())!, .. path];
        return folders.Select(folder => Path.Combine(folder, name)).FirstOrDefault(File.Exists);
    }

    /// <summary>Whether the program has an encoder.</summary>
    public static async Task<bool> HasEncoderAsync(string name) =>
        (await RunAsync(Ffmpeg(), "-hide_banner", "-encoders")).Contains($" {name} ", StringComparison.Ordinal);

    /// <summary>Runs ffmpeg, which must end well.</summary>
    /// <returns>What it printed.</returns>
    public static Task<string> RunFfmpegAsync(params string[] arguments) =>
        RunAsync(Ffmpeg(), ["-hide_banner", "-v", "error", "-nostdin", .. arguments]);

    /// <summary>Runs a program, which must end well.</summary>
    /// <returns>What it printed, to either side.</returns>
    public static async Task<string> RunAsync(string program, params string[] arguments)
    {
        ProcessStartInfo info = new(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        using Process process = Process.Start(info)!;
        string[] texts = await Task.WhenAll(process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, $"{program} {string.Join(' ', arguments)}: {string.Concat(texts)}");
        return string.Concat(texts);
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

    /// <summary>NUT with frames of 4x2 pixels, 24 bytes each, one every 40 ms.</summary>
    /// <param name="frames">How many.</param>
    /// <param name="more">Bytes that there are of one more.</param>
    public static byte[] Nut(int frames, int more = 0)
    {
        using MemoryStream stream = new();
        NutWriter writer = new(stream);
        writer.WriteHeaders("BGR\u0018"u8, 4, 2, new Fraction(1, 25), new Fraction(25, 1));
        for (int i = 0; i <= frames; i++)
        {
            if (i < frames || more > 0)
            {
                writer.BeginFrame(i, 24);
                stream.Write(new byte[i < frames ? 24 : more]);
            }
        }

        return stream.ToArray();
    }

    /// <summary>A shell script in ffmpeg's place. Its version is release 5.0's, whatever else it does.</summary>
    /// <param name="folder">Where it is put.</param>
    /// <param name="script">What it does; <see cref="Send"/> is a part that sends frames.</param>
    /// <param name="version">What it says its version is.</param>
    /// <param name="nut">What it sends; null for two frames.</param>
    public static string FakeFfmpeg(TempFolder folder, string script, string version = "ffmpeg version 5.0\nlibavformat    59. 16.100 / 59. 16.100",
        byte[]? nut = null)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "the stand-in for ffmpeg is a shell script");
        string path = folder.File("fake-ffmpeg");
        if (script.Contains(Send, StringComparison.Ordinal))
        {
            File.WriteAllBytes(path + ".nut", nut ?? Nut(frames: 2));
        }

        WriteScript(path, $"#!/bin/sh\nif [ \"$*\" = -version ]; then echo '{version}'; exit; fi\n{script}");
        return path;
    }

    /// <summary>
    /// Writes a script that can be started at once. Another process writes it: a program that some thread starts meanwhile holds every open file of
    /// this process for a moment, and no system runs a file that somebody has open for writing.
    /// </summary>
    public static void WriteScript(string path, string text)
    {
        using Process writer = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", "cat > \"$0\" && chmod 700 \"$0\"", path])
        {
            RedirectStandardInput = true,
        })!;
        writer.StandardInput.Write(text);
        writer.StandardInput.Close();
        writer.WaitForExit();
        Assert.Equal(0, writer.ExitCode);
    }

    /// <summary>Waits until a process is gone from the table: neither running nor a zombie.</summary>
    public static async Task<bool> IsGoneAsync(int processId)
    {
        for (int i = 0; i < 3000; i++)
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
