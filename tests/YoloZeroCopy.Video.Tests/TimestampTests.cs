using System.Globalization;
using System.Text.RegularExpressions;

namespace YoloZeroCopy.Video.Tests;

/// <summary>The time of every frame is that of the video's own clock.</summary>
public sealed partial class TimestampTests : IDisposable
{
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("a.mp4", "libx264 -bf 3 -pix_fmt yuv444p", "161x91", "25", "setpts='if(lt(N,10),N,N*5+1.3)/25/TB'")]
    [InlineData("a.ts", "libx264 -bf 2", "160x90", "24000/1001", "null")]
    [InlineData("a.mkv", "libx265 -x265-params log-level=error:bframes=4", "160x90", "30000/1001", "null")]
    [InlineData("b.mp4", "libx265 -x265-params log-level=error:bframes=4", "162x92", "59.94", "setpts='(N+0.4*random(1))/60/TB'")]
    [InlineData("c.mp4", "libx264 -video_track_timescale 90000", "160x90", "50", "setpts='PTS+7.123/TB'")]
    [InlineData("b.mkv", "ffv1", "33x17", "7.5", "setpts='N*N/100/TB'")]
    [InlineData("a.avi", "mpeg4", "64x48", "15", "null")]
    [InlineData("a.gif", "gif", "64x48", "10", "setpts='N*(1+mod(N,3))/10/TB'")]
    public async Task Timestamps_are_those_of_the_file(string name, string codec, string size, string rate, string filter)
    {
        string encoder = codec.Split(' ')[0];
        Assert.SkipUnless(await Clips.HasEncoderAsync(encoder), $"this ffmpeg has no {encoder}");
        string path = folder.File(name);
        bool isNew = await Clips.IsFormatAsync(59, 27);
        await Clips.RunFfmpegAsync(["-f", "lavfi", "-i", $"testsrc=size={size}:rate={rate}:duration=2", "-vf", filter, isNew ? "-fps_mode" : "-vsync",
            "vfr", "-c:v", .. codec.Split(' '), path]);

        List<TimeSpan> read = [];
        await using VideoReader reader = await VideoReader.OpenAsync(path, new VideoReaderOptions { FfmpegPath = Clips.Ffmpeg() });
        byte[] frame = new byte[reader.Format.ByteCount];
        Assert.Equal(TimeSpan.Zero, reader.Timestamp);
        while (await reader.ReadFrameAsync(frame))
        {
            read.Add(reader.Timestamp);
        }

        Assert.InRange(read.Count, 5, 121);
        Assert.Equal(await DecodedAsync(path), read);
        if (Clips.Ffprobe() is string ffprobe && await ProbeAsync(ffprobe, path) is List<decimal> probed)
        {
            Assert.Equal(probed.Count, read.Count);
            Assert.All(probed.Zip(read, static (one, other) => one - ((decimal)other.Ticks / TimeSpan.TicksPerSecond)),
                static difference => Assert.InRange(difference, -0.000001m, 0.000001m));
        }
    }

    [Fact]
    public async Task Frames_that_change_their_size_come_in_that_of_the_first()
    {
        Assert.SkipUnless(await Clips.HasEncoderAsync("libx264"), "this ffmpeg has no libx264");
        await Clips.RunFfmpegAsync("-f", "lavfi", "-i", "testsrc=size=64x48:duration=1", "-c:v", "libx264", folder.File("a.ts"));
        await Clips.RunFfmpegAsync("-f", "lavfi", "-i", "testsrc=size=96x64:duration=1", "-c:v", "libx264", folder.File("b.ts"));
        string path = folder.File("c.ts");
        File.WriteAllBytes(path, [.. File.ReadAllBytes(folder.File("a.ts")), .. File.ReadAllBytes(folder.File("b.ts"))]);
        await using VideoReader reader = await VideoReader.OpenAsync(path, new VideoReaderOptions { FfmpegPath = Clips.Ffmpeg() });
        byte[] frame = new byte[reader.Format.ByteCount];
        while (await reader.ReadFrameAsync(frame))
        {
        }

        Assert.Equal(50, reader.FramesRead);
        Assert.Equal((64, 48), (reader.Format.Width, reader.Format.Height));
    }

    // What the decoder gives, as a filter of ffmpeg prints it.
    private static async Task<List<TimeSpan>> DecodedAsync(string path)
    {
        string log = await Clips.RunFfmpegAsync("-loglevel", "info", "-copyts", "-i", path, "-map", "0:V:0", "-vf", "showinfo", "-f", "null", "-");
        Match timeBase = TimeBase().Match(log);
        decimal numerator = decimal.Parse(timeBase.Groups[1].ValueSpan, CultureInfo.InvariantCulture);
        decimal denominator = decimal.Parse(timeBase.Groups[2].ValueSpan, CultureInfo.InvariantCulture);
        return
        [
            .. FrameTime().Matches(log).Select(match => new TimeSpan((long)Math.Round(
                decimal.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture) * numerator / denominator * TimeSpan.TicksPerSecond,
                MidpointRounding.AwayFromZero))),
        ];
    }

    // Null where it finds no time stamps.
    private static async Task<List<decimal>?> ProbeAsync(string ffprobe, string path)
    {
        string text = await Clips.RunAsync(
            ffprobe, "-v", "error", "-select_streams", "v:0", "-show_entries", "frame=pts_time", "-of", "default=noprint_wrappers=1:nokey=1", path);
        string[] lines = text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return lines.Contains("N/A") ? null : [.. lines.Select(static line => decimal.Parse(line, CultureInfo.InvariantCulture))];
    }

    [GeneratedRegex(@"config in time_base: (\d+)/(\d+)")]
    private static partial Regex TimeBase();

    [GeneratedRegex(@"\] n: *\d+ pts: *(\d+) ")]
    private static partial Regex FrameTime();
}
