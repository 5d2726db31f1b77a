using System.Diagnostics;
using MultiCamera.Tests.Web;
using YoloZeroCopy.Tests;

namespace MultiCamera.Tests.Live;

/// <summary>The clip of the belt at 10 frames a second instead of 25, so that four cameras leave a busy machine time: 30 s.</summary>
internal static class SlowClip
{
    // Of the packages that also have the RTSP server.
    private const string Ffmpeg = "/usr/bin/ffmpeg";

    /// <param name="folder">Where it is put.</param>
    /// <param name="times">How often it is played, one after the other.</param>
    public static async Task<string> MakeAsync(TempFolder folder, int times = 1)
    {
        Assert.SkipUnless(File.Exists(Ffmpeg), $"{Ffmpeg} is not installed, which eng/video-test-packages.sh does");
        string clip = folder.File("slow.mp4");
        using Process process = Process.Start(new ProcessStartInfo(
            Ffmpeg, ["-v", "error", "-nostdin", "-stream_loop", $"{times - 1}", "-itsscale", "2.5", "-i", SiteProcess.Clip, "-c", "copy", clip]))!;
        await process.WaitForExitAsync();
        Assert.Equal(0, process.ExitCode);
        return clip;
    }
}
