namespace YoloZeroCopy.Video.Tests;

/// <summary>The user and the password of a camera's URL are in nothing that a program would log.</summary>
public sealed class CredentialsTests : IDisposable
{
    private const string Url = "rtsp://operator:s3c'r3t pw@127.0.0.1:1/line?channel=2";

    // A real ffmpeg prints the URL in its input's line and in errors, and this one in every way at once.
    private const string Talk =
        "for a in \"$@\"; do case \"$a\" in *://*) url=$a;; esac; done\n"
        + "echo \"[info] Input #0, rtsp, from '$url':\" >&2\n"
        + "echo \"[rtsp @ 0x1] [error] $url: redirected to http://guest:s3c2@10.0.0.1/a and back\" >&2\n"
        + "printf '[tls @ 0x1] [error] %0960d rtsp://operator:s3c%s\\n' 7 'r3tXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX@h/' >&2\n";

    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task A_camera_that_cannot_be_reached_is_named_without_them()
    {
        string program = Clips.Ffmpeg();

        MediaException error = await FailAsync(program, allowUrl: true);

        AssertHidden(error);
        Assert.Contains("127.0.0.1:1/line?channel=2", error.Path, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_url_where_none_is_allowed_is_named_without_them() => AssertHidden(await FailAsync(Clips.Ffmpeg(), allowUrl: false));

    [Fact]
    public async Task Nothing_of_the_log_has_them_when_opening_fails() =>
        AssertHidden(await FailAsync(Clips.FakeFfmpeg(folder, Talk + "exit 1\n"), allowUrl: true));

    [Theory]
    [InlineData(0, 3)]
    [InlineData(6, 0)]
    [InlineData(0, 0)]
    public async Task Nothing_of_the_log_has_them_when_the_stream_ends_badly(int more, int code)
    {
        string fake = Clips.FakeFfmpeg(folder, $"{Talk}{Clips.Send}exit {code}\n", nut: Clips.Nut(1, more));
        await using VideoReader reader =
            await VideoReader.OpenAsync(Url, new VideoReaderOptions { FfmpegPath = fake, AllowUrl = true, Reconnects = false });

        MediaException error = await Assert.ThrowsAsync<MediaException>(async () =>
        {
            while (await reader.ReadFrameAsync(new byte[24]))
            {
            }
        });

        AssertHidden(error);
    }

    [Fact]
    public async Task A_writer_that_is_given_a_url_names_it_without_them()
    {
        FrameFormat format = new(PixelFormat.Bgr24, 4, 2);

        AssertHidden(await Assert.ThrowsAsync<MediaException>(
            () => VideoWriter.OpenAsync(Url, format, 25, new VideoWriterOptions { FfmpegPath = Clips.Ffmpeg() })));
    }

    [Theory]
    [InlineData("rtsp://cam-7/user=admin&password=s3cr3t&channel=1", "rtsp://cam-7/user=admin&password=***&channel=1")]
    [InlineData("[error] http://cam-7/video?Token=s3cr3t: Connection refused", "[error] http://cam-7/video?Token=***: Connection refused")]
    [InlineData("'rtsp://admin:p@s3cr3t@cam-7/at@2x'", "'rtsp://***@cam-7/at@2x'")]
    [InlineData("mail@home.jpg", "mail@home.jpg")]
    public void Cameras_that_take_them_behind_the_host_keep_them_out_too(string text, string shown) =>
        Assert.Equal(shown, UrlCredentials.Hide(text, url: null));

    [Theory]
    [InlineData("rtsp://cam-7/user=admin&password=s3c'r3t&channel=1", "rtsp://cam-7/user=admin&password=***&channel=1")]
    [InlineData("http://cam-7/video?token=s3c r3t", "http://cam-7/video?token=***")]
    [InlineData("rtsp://operator:s3c'r3t pw@cam-7/a@b", "rtsp://***@cam-7/a@b")]
    public void A_url_alone_is_named_without_them_whatever_characters_they_have(string url, string name)
    {
        Assert.Equal(name, UrlCredentials.Name(url));
        Assert.Equal($"[error] '{name}': 401", UrlCredentials.Hide($"[error] '{url}': 401", url));
    }

    private static async Task<MediaException> FailAsync(string program, bool allowUrl) =>
        await Assert.ThrowsAsync<MediaException>(
            () => VideoReader.OpenAsync(Url, new VideoReaderOptions { FfmpegPath = program, AllowUrl = allowUrl }));

    private static void AssertHidden(MediaException error)
    {
        foreach (string text in (string[])[error.ToString(), error.Message, error.Path])
        {
            foreach (string secret in (string[])["s3c", "r3t", "operator", "guest"])
            {
                Assert.DoesNotContain(secret, text, StringComparison.Ordinal);
            }
        }
    }
}
