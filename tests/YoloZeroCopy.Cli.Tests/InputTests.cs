using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace YoloZeroCopy.Cli.Tests;

/// <summary>What <c>--input</c> takes, and what it makes of it.</summary>
public sealed class InputTests : IDisposable
{
    private static readonly byte[] StillGif =
    [
        .. "GIF89a"u8, 1, 0, 1, 0, 0x80, 0, 0, 255, 255, 255, 0, 0, 0, 0x2C, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x44, 1, 0, 0x3B,
    ];

    // A second frame of the same before the end, behind a comment.
    private static readonly byte[] AnimatedGif =
    [
        .. StillGif[..^1], 0x21, 0xFE, 3, 0x2C, 0x2C, 0x2C, 0, 0x2C, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x44, 1, 0, 0x3B,
    ];

    private readonly TestInputs inputs = new();
    private readonly List<string> failures = [];

    public void Dispose() => inputs.Dispose();

    [Fact]
    public void Inputs_are_read_in_the_order_given_and_folders_by_ordinal_name()
    {
        string folder = inputs.Folder("folder");
        foreach (string name in (string[])["b.jpg", "B.PNG", "10.jpg", "9.jpeg", "clip.mp4", "notes.txt", ".hidden", "a.jpg", "c.webp", "d.bmp"])
        {
            inputs.Text($"folder/{name}", "x");
        }

        File.WriteAllBytes(inputs.File("folder/still.gif"), StillGif);
        File.WriteAllBytes(inputs.File("folder/turn.gif"), AnimatedGif);
        string single = inputs.Text("z.jpg", "x");
        InputList list = Expand(single, folder, inputs.File("missing.jpg"));
        string[] wanted =
            ["z.jpg", "10.jpg", "9.jpeg", "B.PNG", "a.jpg", "b.jpg", "c.webp", "clip.mp4", "d.bmp", "still.gif", "turn.gif"];
        Assert.Equal(wanted, Sources(list));
        Assert.Equal(["clip.mp4", "turn.gif"], list.Items.Where(static item => item.Kind == InputKind.Video).Select(static item => item.Source));
        Assert.Equal([Path.Combine(folder, "notes.txt")], list.Skipped);
        Assert.Contains("missing.jpg", Assert.Single(failures), StringComparison.Ordinal);
    }

    [Fact]
    public void Folders_within_folders_are_read_where_they_are_asked_for()
    {
        string folder = inputs.Folder("top");
        inputs.Folder("top/a/deep");
        inputs.Folder("top/.cache");
        foreach (string name in (string[])["z.jpg", "a/1.jpg", "a/deep/2.jpg", ".cache/3.jpg"])
        {
            inputs.Text($"top/{name}", "x");
        }

        Directory.CreateSymbolicLink(inputs.File("top/a/loop"), folder);
        Assert.Equal(["z.jpg"], Sources(Expand(folder)));
        Assert.Equal(["z.jpg", "1.jpg", "2.jpg"], Sources(InputList.Expand([folder], recursive: true, failures.Add)));
        Assert.Empty(failures);
        Assert.Empty(InputList.Expand([inputs.Folder("empty")], recursive: true, failures.Add).Items);
        Assert.Contains("holds, in its folders too, no pictures", Assert.Single(failures), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("*.jpg", "a.jpg", "b.jpg")]
    [InlineData("?.jpg", "a.jpg", "b.jpg")]
    [InlineData("[!a].*", "b.jpg")]
    [InlineData("**/*.jpg", "a.jpg", "b.jpg", "in/c.jpg", "in/er/d1.jpg", "in/er/d2.jpg")]
    [InlineData("**", "a.jpg", "b.jpg", "in/c.jpg", "in/er/d1.jpg", "in/er/d2.jpg")]
    [InlineData("*/c.jpg", "in/c.jpg")]
    [InlineData("in/**/d[1-2].jpg", "in/er/d1.jpg", "in/er/d2.jpg")]
    [InlineData("./in/*.jpg", "in/c.jpg")]
    [InlineData(".*.jpg", ".hidden.jpg")]
    public void A_pattern_finds_files(string pattern, params string[] wanted)
    {
        string folder = inputs.Folder("pics");
        inputs.Folder("pics/in/er");
        foreach (string name in (string[])["a.jpg", "b.jpg", ".hidden.jpg", "in/c.jpg", "in/er/d1.jpg", "in/er/d2.jpg", "in/er/notes.txt"])
        {
            inputs.Text($"pics/{name}", "x");
        }

        Directory.CreateSymbolicLink(inputs.File("pics/in/loop"), folder);
        InputList list = Expand(Path.Combine(folder, pattern));
        Assert.Equal(wanted, list.Items.Select(item => Path.GetRelativePath(folder, item.Path)));
        Assert.Empty(failures);
        Assert.Equal(pattern == "**" ? 1 : 0, list.Skipped.Count);
    }

    [Theory]
    [InlineData("", "", true)]
    [InlineData("*", "", true)]
    [InlineData("a*b*c", "aXbYc", true)]
    [InlineData("a*b*c", "aXbY", false)]
    [InlineData("[]a]x", "]x", true)]
    [InlineData("[a", "[a", true)]
    [InlineData("[z-a]", "m", false)]
    [InlineData("[a-]", "-", true)]
    [InlineData("[!]", "[!]", true)]
    [InlineData("[!!]", "!", false)]
    public void A_pattern_takes_a_name(string pattern, string name, bool wanted) => Assert.Equal(wanted, PathPattern.Matches(pattern, name));

    [Fact]
    public void A_pattern_without_files_and_a_file_that_looks_like_a_pattern()
    {
        string odd = inputs.Text("a[1].jpg", "x");
        Assert.Equal([odd], Expand(odd).Items.Select(static item => item.Path));
        Assert.Empty(Expand(inputs.File("none/*.jpg"), inputs.File("*.txt")).Items);
        inputs.Text("notes.txt", "x");
        Assert.Empty(Expand(inputs.File("*.txt")).Items);
        Assert.Equal(3, failures.Count);
        Assert.Contains("no file matches", failures[0], StringComparison.Ordinal);
        Assert.Contains("none of the 1 files", failures[2], StringComparison.Ordinal);
    }

    [Fact]
    public void Urls_cameras_and_standard_input_are_told_from_files()
    {
        string number = inputs.Text("7", "x");
        string[] given = ["http://host/a.JPG?size=1", "http://host/live", "rtsp://me:word@host:554/stream1", "0", "/dev/video12", "-", "-", number];
        InputList list = Expand(given);
        (InputOrigin, InputKind, string, string)[] wanted =
        [
            (InputOrigin.Url, InputKind.Picture, "http://host/a.JPG?size=1", "http://host/a.JPG?size=1"),
            (InputOrigin.Url, InputKind.Video, "http://host/live", "http://host/live"),
            (InputOrigin.Url, InputKind.Video, "rtsp://me:word@host:554/stream1", "rtsp://***@host:554/stream1"),
            (InputOrigin.Camera, InputKind.Video, "/dev/video0", "/dev/video0"),
            (InputOrigin.Camera, InputKind.Video, "/dev/video12", "/dev/video12"),
            (InputOrigin.StandardInput, InputKind.Picture, "-", "-"),
        ];
        Assert.Equal(wanted, list.Items.Select(static item => (item.Origin, item.Kind, item.Path, item.Source)));
        Assert.Equal(
            ["a", "live", "stream1", "video0", "video12", "stdin"], OutputNames.Plan(list.Items).Select(static item => item.Stem));
        Assert.Equal(2, failures.Count);
        Assert.Contains("once only", failures[0], StringComparison.Ordinal);
        Assert.Contains(number, failures[1], StringComparison.Ordinal);
    }

    [Fact]
    public void A_shared_name_is_told_apart_by_the_path_as_given()
    {
        string one = Path.GetDirectoryName(inputs.Text($"{Path.GetFileName(inputs.Folder("one"))}/0.jpg", "x"))!;
        string two = Path.GetDirectoryName(inputs.Text($"{Path.GetFileName(inputs.Folder("two"))}/0.jpg", "x"))!;
        inputs.Text("two/1.jpg", "x");
        inputs.Text("two/0.png", "x");
        InputList list = Expand(one, two);
        Assert.Equal([Path.Combine(one, "0.jpg"), Path.Combine(two, "0.jpg"), "0.png", "1.jpg"], Sources(list));
        string[] planned = ["0.jpg", "0-2.jpg", "0-3.png", "1.jpg"];
        Assert.Equal(
            planned.Select(static name => Path.Combine("out", name)),
            AnnotatedOutput.PlanFiles("out", OutputNames.Plan(list.Items)).Select(static item => item.Output));
        Assert.Empty(failures);
    }

    [Fact]
    public void No_frame_of_a_video_is_called_like_a_picture()
    {
        string[] paths = ["clip_1.jpg", "clip_x.jpg", "clip.jpg", "clip.mp4", "clip_2.mp4", "clip_2.png"];
        IEnumerable<InputItem> items = paths.Select(static path =>
            new InputItem(path, path, FileKind.IsPictureName(path) ? InputKind.Picture : InputKind.Video));
        Assert.Equal(
            ["clip_1", "clip_x", "clip", "clip-2", "clip_2-2", "clip_2"], OutputNames.Plan(items).Select(static item => item.Stem));
    }

    [Theory]
    [InlineData("http://host/user=me&password=secret", "user=me&password=___")]
    [InlineData("http://me:secret@host", "host")]
    [InlineData("rtsp://me:sec[r@et@host", "host")]
    public void No_file_is_called_by_a_password(string url, string wanted)
    {
        InputItem item = OutputNames.Plan(Expand(url).Items)[0];
        Assert.Equal(wanted, item.Stem);
        Assert.DoesNotContain("sec", item.Source, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("traffic light", "traffic light")]
    [InlineData("../../etc/passwd", ".._.._etc_passwd")]
    [InlineData("..", "_")]
    [InlineData("", "_")]
    [InlineData("a\0b:c", "a_b_c")]
    [InlineData("größe", "größe")]
    public void Any_text_makes_a_safe_name(string text, string wanted) => Assert.Equal(wanted, OutputNames.Safe(text));

    [Fact]
    public void A_file_named_like_neither_is_a_picture_when_it_begins_like_one()
    {
        string renamed = inputs.File("picture.dat");
        File.Move(inputs.Picture("a.png"), renamed);
        string web = inputs.Text("web.dat", "RIFF\x1A\0\0\0WEBPVP8L");
        InputList list = Expand(renamed, web, inputs.Text("other.dat", "text"), inputs.Text("wave.dat", "RIFF\x1A\0\0\0WAVEfmt "));
        Assert.Equal([(renamed, InputKind.Picture), (web, InputKind.Picture)], list.Items.Select(static item => (item.Path, item.Kind)));
        Assert.Equal(2, failures.Count);
        Assert.Contains("other.dat", failures[0], StringComparison.Ordinal);
    }

    [Fact]
    public void Every_kind_of_picture_is_read_and_what_is_not_is_said_for_each_file()
    {
        string folder = inputs.Folder("kinds");
        inputs.Picture("kinds/a.jpg");
        File.WriteAllBytes(inputs.File("kinds/b.gif"), StillGif);
        File.WriteAllBytes(inputs.File("kinds/c.bmp"), Bitmap);
        inputs.Text("kinds/d.tiff", "II*\0");
        inputs.Text("kinds/e.dat", "MM\0*rest");
        inputs.Text("kinds/f.heic", "x");
        inputs.Text("kinds/labels.txt", "x");
        inputs.Text("kinds/classes.txt", "x");
        YzcResult result = YzcProcess.Run("detect", "--model", inputs.Model, "--input", folder, "--json", "-");
        result.Failed(
            ExitCode.InputFailed, "d.tiff': TIFF pictures are not read; JPEG, PNG, WebP, BMP, GIF are.", "e.dat': TIFF", "f.heic': HEIC",
            "left out 2 files that are neither picture nor video: ", "classes.txt, ", "labels.txt");
        Assert.Equal(["a.jpg", "b.gif", "c.bmp", "d.tiff", "e.dat", "f.heic"], result.Lines.Select(Source));
        Assert.Equal(3, result.Lines.Count(static line => line.Contains("\"detections\":[{", StringComparison.Ordinal)));
        Assert.Equal(3, result.Lines.Count(static line => line.Contains("\"error\":\"", StringComparison.Ordinal)));
    }

    [Fact]
    public void A_picture_comes_on_standard_input()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Needs a shell.");
        string picture = inputs.Picture("a.png");
        string output = inputs.File("out");
        string options = $"--model '{inputs.Model}' --json - --input";
        YzcResult result = YzcProcess.RunShell($"cat '{picture}' | yzc detect {options} - --output '{output}'").Succeeded();
        string file = YzcProcess.RunShell($"yzc detect {options} '{picture}'").Succeeded().Output;
        Assert.Equal(file.Replace("a.png", "-", StringComparison.Ordinal), result.Output);
        Assert.Equal(["stdin.jpg"], Directory.GetFiles(output).Select(Path.GetFileName));
        YzcProcess.RunShell($"yzc detect {options} - < /dev/null").Failed(ExitCode.InputFailed, "begins with nothing");
    }

    [Fact]
    public async Task A_picture_comes_from_a_web_server()
    {
        byte[] picture = await File.ReadAllBytesAsync(inputs.Picture("a.png"), TestContext.Current.CancellationToken);
        using HttpListener server = Listen(out string address);
        Task serving = ServeAsync(server, picture);
        YzcResult result = YzcProcess.Run(
            "detect", "--model", inputs.Model, "--json", "-", "--input", $"{address}a.png", $"{address}none.jpg",
                address.Replace("http://", "http://me:secret@", StringComparison.Ordinal) + "private.png");
        server.Stop();
        await serving;
        result.Failed(ExitCode.InputFailed, "none.jpg': the server answered 404");
        Assert.Equal(3, result.Lines.Length);
        Assert.Contains("\"detections\":[{", result.Lines[0], StringComparison.Ordinal);
        Assert.Contains("\"error\":", result.Lines[1], StringComparison.Ordinal);
        Assert.Contains("\"detections\":[{", result.Lines[2], StringComparison.Ordinal);
        Assert.DoesNotContain("secret", result.Output + result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_live_source_is_connected_to_once_and_ends_after_the_frames_that_are_asked_for()
    {
        byte[] stream = await StreamAsync();
        using TcpListener server = new(IPAddress.Loopback, 0);
        server.Start();
        List<TcpClient> clients = [];
        Task serving = SendAsync(server, stream, clients);
        string url = $"tcp://127.0.0.1:{((IPEndPoint)server.LocalEndpoint).Port}";
        string picture = inputs.Picture("a.png");
        string[] detect = ["detect", "--model", inputs.Model, "--json", "-", "--input", url, picture];
        JsonElement[] lines = [.. YzcProcess.Run([.. detect, "--frames", "5", "--vid-stride", "2"]).Succeeded().Lines.Select(Parsed)];
        Assert.Equal([0, 2, 4, 6, 8, 0], lines.Select(static line => line.GetProperty("frame").GetInt32()));
        Assert.All(lines[..^1], line => Assert.Equal(url, line.GetProperty("source").GetString()));
        Assert.All(
            lines[..^1], static line => Assert.Equal(line.GetProperty("frame").GetInt32() / 25.0, line.GetProperty("time").GetDouble(), 0.001));
        Assert.Single(clients);

        // What stands behind it would never be read.
        YzcProcess.Run(detect).Failed(ExitCode.WrongArguments, url, "has no end", "--frames");
        server.Stop();
        await serving;
        clients.ForEach(static client => client.Dispose());
    }

    [Fact]
    public void A_camera_that_is_not_there_is_said()
    {
        Assert.SkipWhen(File.Exists("/dev/video97"), "There is such a camera.");
        YzcResult result = YzcProcess.Run("detect", "--model", inputs.Model, "--input", "97", "--json", "-");
        result.Failed(ExitCode.InputFailed, "/dev/video97': there is no such");
    }

    [Fact]
    public async Task A_picture_of_any_length_is_not_taken()
    {
        using EndlessStream endless = new();
        MediaException error = await Assert.ThrowsAsync<MediaException>(
            async () => await PictureBytes.ReadAsync(endless, "-", TestContext.Current.CancellationToken));
        Assert.Contains("more than", error.Message, StringComparison.Ordinal);
    }

    // 2 x 2 pixels of 24 bits.
    private static byte[] Bitmap =>
    [
        .. "BM"u8, 70, 0, 0, 0, 0, 0, 0, 0, 54, 0, 0, 0, 40, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 1, 0, 24, 0, 0, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 0, 0, 7, 8, 9, 10, 11, 12, 0, 0,
    ];

    private static string Source(string line)
    {
        using JsonDocument parsed = JsonDocument.Parse(line);
        return parsed.RootElement.GetProperty("source").GetString()!;
    }

    private static JsonElement Parsed(string line) => JsonDocument.Parse(line).RootElement;

    // The sample clip as a stream that does not say how long it is.
    private async Task<byte[]> StreamAsync()
    {
        string native = Path.Combine(Path.GetDirectoryName(YzcProcess.ToolPath)!, "runtimes", "linux-x64", "native", "ffmpeg");
        string ffmpeg = File.Exists(native) ? native : "ffmpeg";
        string file = inputs.File("clip.ts");
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Needs a shell.");
        YzcResult made = YzcProcess.RunShell($"'{ffmpeg}' -loglevel error -i '{SampleAssets.Clip}' -c copy -f mpegts '{file}' < /dev/null");
        Assert.True(made.ExitCode == 0, made.ToString());
        return await File.ReadAllBytesAsync(file);
    }

    private static async Task SendAsync(TcpListener server, byte[] stream, List<TcpClient> clients)
    {
        while (true)
        {
            try
            {
                clients.Add(await server.AcceptTcpClientAsync());
                await clients[^1].GetStream().WriteAsync(stream);
            }
            catch (IOException)
            {
                // The tool had enough.
            }
            catch (Exception error) when (error is SocketException or ObjectDisposedException)
            {
                return;
            }
        }
    }

    private static IEnumerable<string> Sources(InputList list) => list.Items.Select(static item => item.Source);

    private static HttpListener Listen(out string address)
    {
        while (true)
        {
            int port = Random.Shared.Next(20000, 60000);
            address = FormattableString.Invariant($"http://localhost:{port}/");
            HttpListener server = new();
            server.Prefixes.Add(address);
            try
            {
                server.Start();
                return server;
            }
            catch (HttpListenerException)
            {
                // Somebody else's port.
                server.Close();
            }
        }
    }

    private static async Task ServeAsync(HttpListener server, byte[] picture)
    {
        string basic = $"Basic {Convert.ToBase64String(Encoding.UTF8.GetBytes("me:secret"))}";
        while (server.IsListening)
        {
            HttpListenerContext context;
            try
            {
                context = await server.GetContextAsync();
            }
            catch (Exception error) when (error is HttpListenerException or ObjectDisposedException or InvalidOperationException)
            {
                return;
            }

            string path = context.Request.Url!.AbsolutePath;
            bool isThere = path == "/a.png" || (path == "/private.png" && context.Request.Headers["Authorization"] == basic);
            context.Response.StatusCode = isThere ? 200 : 404;
            await context.Response.OutputStream.WriteAsync(isThere ? picture : []);
            context.Response.Close();
        }
    }

    private InputList Expand(params string[] given) => InputList.Expand(given, recursive: false, failures.Add);

    private sealed class EndlessStream : MemoryStream
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            ValueTask.FromResult(buffer.Length);
    }
}
