using System.Diagnostics;
using MultiCamera.Tests.Web;

namespace MultiCamera.Tests.Live;

/// <summary>The clip of the belt at 10 frames a second instead of 25, so that four cameras leave a busy machine time: 30 s.</summary>
internal static class SlowClip
{
    // Of the packages that also have the RTSP server.
    private const string Ffmpeg = "/usr/bin/ffmpeg";

    // Of the clip of the belt.
    private const double Rate = 25;

    /// <param name="folder">Where it is put.</param>
    public static async Task<string> MakeAsync(TempFolder folder)
    {
        string clip = folder.File("slow.mp4");
        await RunAsync("-itsscale", "2.5", "-i", SiteProcess.Clip, "-c", "copy", clip);
        return clip;
    }

    /// <summary>A small one, which costs little to decode.</summary>
    /// <param name="folder">Where it is put.</param>
    /// <param name="rate">Frames a second.</param>
    /// <param name="times">How often it is played, one after the other.</param>
    public static async Task<string> MakeSmallAsync(TempFolder folder, double rate, int times)
    {
        string small = folder.File("small.mp4");
        if (!File.Exists(small))
        {
            await RunAsync("-i", SiteProcess.Clip, "-vf", "scale=640:360", "-c:v", "libx264", "-preset", "veryfast", "-bf", "0", "-g", "25", small);
        }

        string clip = folder.File(FormattableString.Invariant($"small-{rate}.mp4"));
        await RunAsync(
            "-stream_loop", $"{times - 1}", "-itsscale", FormattableString.Invariant($"{Rate / rate}"), "-i", small, "-c", "copy", clip);
        return clip;
    }

    private static async Task RunAsync(params string[] arguments)
    {
        Assert.SkipUnless(File.Exists(Ffmpeg), $"{Ffmpeg} is not installed, which eng/video-test-packages.sh does");
        using Process process = Process.Start(new ProcessStartInfo(Ffmpeg, ["-v", "error", "-nostdin", .. arguments]))!;
        await process.WaitForExitAsync();
        Assert.Equal(0, process.ExitCode);
    }
}
