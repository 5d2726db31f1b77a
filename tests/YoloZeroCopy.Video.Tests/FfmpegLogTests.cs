using System.Text;

namespace YoloZeroCopy.Video.Tests;

/// <summary>The log of ffmpeg as versions 4 to 7 print it, and logs that nobody prints.</summary>
public sealed class FfmpegLogTests
{
    [Theory]
    [InlineData("    Stream #0:0(und): Video: rawvideo (BGR[24] / 0x18524742), bgr24, 1280x720 [SAR 1:1 DAR 16:9], q=2-31, 1 kb/s, 29.97 fps, 29.97 "
        + "tbn, 29.97 tbc (default)", 29.97002997)]
    [InlineData("  Stream #0:0(und): Video: rawvideo (BGR[24] / 0x18524742), bgr24(pc, gbr/bt709/bt709, progressive), 640x360, q=2-31, 1 kb/s, "
        + "25 fps, 25 tbn (default)", 25)]
    [InlineData("  Stream #0:0: Video: rawvideo (NV12 / 0x3231564E), nv12(tv), 33x17, q=2-31, 12.5 fps, 12.5 tbn", 12.5)]
    [InlineData("  Stream #0:0: Video: rawvideo, gray, 8x9, q=2-31, 1k fps, 1k tbn", 1000)]
    [InlineData("  Stream #0:0: Video: rawvideo, gray, 8x9, q=2-31, 51.20k fps, 51200 tbn", 0)]
    [InlineData("  Stream #0:0: Video: h264 (High) (H264 / 0x34363248), yuv420p, 1280x720, q=2-31, 25 tbr, 90k tbn", 25)]
    [InlineData("  Stream #0:0: Video: h264 (High) (H264 / 0x34363248), yuv420p, 1280x720, q=2-31, 90k tbr, 90k tbn", 0)]
    [InlineData("  Stream #0:0: Video: rawvideo, gray, 8x9, q=2-31", 0)]
    public async Task The_output_line_is_understood(string line, double rate)
    {
        FfmpegHeader? header = await ReadAsync(
            "[info] Input #0, matroska,webm, from 'file:/a.mkv':\n[info]   Duration: 00:01:02.50, start: 0.000000, bitrate: 9 kb/s\n"
            + "[info]     Stream #0:0: Video: mjpeg, yuvj420p(pc, bt470bg/unknown/unknown), 99x99, 90k tbr (attached pic)\n"
            + "[info]     Stream #0:1(und): Video: h264 (High), yuv420p(tv, bt709, progressive), 1x1, 5 fps\n"
            + $"[info] Output #0, rawvideo, to 'pipe:1':\n[info]   Metadata:\n[info]     encoder         : Lavf\n[info] {line}\n");

        Assert.NotNull(header);
        Assert.Equal(rate, header.FrameRate, 6);
        Assert.Equal(TimeSpan.FromSeconds(62.5), header.Duration);
        Assert.True(header.IsBt709);
    }

    [Theory]
    [InlineData("")]
    [InlineData("[info] Input #0, x:\n[info]     Stream #0:0: Video: h264, yuv420p, 320x240, 25 fps\n")]
    [InlineData("[info] Output #0, rawvideo, to 'pipe:1':\n[info]   Metadata:\n[info]     title           : Stream "
        + "#0:0: Video: rawvideo, bgr24, 7x7, 25 fps\n")]
    public async Task Other_lines_are_not_taken_for_it(string log) => Assert.Null(await ReadAsync(log));

    [Fact]
    public void Errors_are_counted_by_level_only()
    {
        FfmpegLog log = new();

        log.Append("[info]     title : [error] not one\n[h264 @ 0x55] [error] one\r[fatal] two\n[warning] [error] none\nplain\n"u8);

        Assert.Equal(2, log.ErrorCount);
        Assert.Equal("one | two", log.Tail);
    }

    [Fact]
    public void A_log_without_end_stays_small()
    {
        FfmpegLog log = new();
        byte[] line = [.. Enumerable.Repeat((byte)'x', 100_000), (byte)'\n'];
        for (int i = 0; i < 100; i++)
        {
            log.Append(line);
        }

        Assert.InRange(log.Tail.Length, 1000, 20_000);
    }

    [Fact]
    public async Task Mutated_logs_do_no_harm()
    {
        byte[] good = Encoding.UTF8.GetBytes(
            "[info] Input #0, mov, from 'a':\n[info]   Duration: 00:00:02.00, start: 0\n[info]     Stream #0:0: Video: h264, yuv420p, 2x2, 25 fps\n"
            + "[info] Output #0, rawvideo, to 'pipe:1':\n[info]     Stream #0:0: Video: rawvideo (BGR[24] / "
            + "0x18524742), bgr24, 322x240 [SAR 1:1], 29.97 fps\n");
        Random random = new(99);
        int understood = 0;
        for (int round = 0; round < 5000; round++)
        {
            byte[] bytes = [.. good];
            for (int i = random.Next(1, 5); i > 0; i--)
            {
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            }

            FfmpegLog log = new();
            log.Append(bytes);
            if (log.Header.IsCompleted)
            {
                understood++;
                FfmpegHeader header = (await log.Header)!;
                Assert.True(header.FrameRate >= 0);
            }
        }

        Assert.InRange(understood, 2000, 5000);
    }

    private static async Task<FfmpegHeader?> ReadAsync(string text)
    {
        FfmpegLog log = new();
        using MemoryStream stream = new(Encoding.UTF8.GetBytes(text));
        await log.PumpAsync(stream);
        return await log.Header;
    }
}
