using System.Diagnostics;
using System.Globalization;

namespace YoloZeroCopy.Video.Tests;

/// <summary>ffmpeg as a child process: it does not outlive us, and lives as long as it is wanted.</summary>
public sealed class ProcessTests : IDisposable
{
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task What_waits_for_a_camera_dies_with_a_process_that_is_killed()
    {
        Assert.SkipUnless(ParentDeath.IsKnown, "needs Linux, and setpriv of util-linux 2.33 or later");
        string fake = Clips.FakeFfmpeg(folder, Clips.Send + "exec sleep 600\n");
        File.WriteAllText(folder.File("a.mp4"), "x");
        ProcessStartInfo info = new(Environment.ProcessPath!, ["--read", folder.File("a.mp4"), fake]) { RedirectStandardOutput = true };
        using Process process = Process.Start(info)!;
        int child = int.Parse((await process.StandardOutput.ReadLineAsync())!, CultureInfo.InvariantCulture);
        Assert.True(Directory.Exists($"/proc/{child}"));

        process.Kill();

        Assert.True(await Clips.IsGoneAsync(child));
    }

    [Fact]
    public async Task A_thread_that_opened_a_video_may_end_before_it()
    {
        byte[] nut = new byte[Clips.Nut(2).Length];
        string fake = Clips.FakeFfmpeg(folder, Clips.Send + "while [ ! -f \"$0.go\" ]; do sleep 0.02; done\ncat \"$0.nut\"\nexec sleep 600\n");
        FfmpegProcess? process = null;
        Thread thread = new(() =>
        {
            process = FfmpegProcess.Start(fake, [], diesWithUs: true);
            process.Output.ReadExactly(nut);
        });
        thread.Start();
        thread.Join();

        // The signal of the thread's death would come now. To wait for it is no condition of this test's passing.
        await Task.Delay(200);
        File.WriteAllText(fake + ".go", "");
        await process!.Output.ReadExactlyAsync(nut);
        process.Kill();

        Assert.Equal(137, await process.WaitAsync());
        process.Dispose();
        Assert.Equal(Clips.Nut(2), nut);
    }
}
