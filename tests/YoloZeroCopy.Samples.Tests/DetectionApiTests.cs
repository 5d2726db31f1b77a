extern alias DetectionApi;

using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Mvc.Testing;
using Microsoft.Extensions.DependencyInjection;

namespace YoloZeroCopy.Tests;

/// <summary>The web service, in this process and over a real connection, so that clients can hang up as they do in life.</summary>
public sealed class DetectionApiTests : IDisposable
{
    private static readonly string Pictures = Path.Combine(SampleProcess.RepositoryRoot, "samples", "media", "pictures");
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(5);

    private readonly WebApplicationFactory<DetectionApi::Program> factory = new();

    public void Dispose() => factory.Dispose();

    [Fact]
    public async Task Two_hundred_at_once_of_whom_a_third_hang_up_get_right_answers_and_cost_no_slot()
    {
        const int Requests = 200;

        // A small input, because the model's time is not what is tested.
        using WebApplicationFactory<DetectionApi::Program> service = Start("320x320", slots: 6, slotBytes: 3840 * 2160 * 3);
        using HttpClient client = service.CreateClient();
        client.Timeout = Limit;
        YoloDetector detector = service.Services.GetRequiredService<YoloDetector>();
        byte[][] pictures = [.. Directory.GetFiles(Pictures, "?.*g").Order(StringComparer.Ordinal).Select(File.ReadAllBytes)];
        Assert.Equal(8, pictures.Length);
        Found[][] alone = new Found[pictures.Length][];
        for (int picture = 0; picture < pictures.Length; picture++)
        {
            alone[picture] = await DetectAsync(client, pictures[picture], CancellationToken.None);
            Assert.NotEmpty(alone[picture]);
        }

        Task<bool>[] all = [.. Enumerable.Range(0, Requests).Select(number => Task.Run(() => RequestAsync(number)))];
        bool[] answered = await Task.WhenAll(all).WaitAsync(Limit);
        Assert.True(answered.Count(static got => got) >= Requests - (Requests / 3) - 1);

        // What hung up leaves the detector as soon as its turn would have come.
        Assert.True(SpinWait.SpinUntil(() => detector.Statistics is { SlotsInUse: 0, FramesWaiting: 0, BatchesInFlight: 0 }, Limit),
            detector.Statistics.ToString());
        DetectorStatistics statistics = detector.Statistics;
        Assert.Equal((0L, 0L), (statistics.FramesFailed, statistics.FramesDropped));
        Assert.Equal(statistics.FramesSubmitted, statistics.FramesCompleted + statistics.FramesCanceled);

        // Not lost to the count alone: every slot can be had at once, and the next client gets an answer.
        FrameSlot[] slots = [.. Enumerable.Range(0, detector.SlotCount).Select(_ =>
        {
            Assert.True(detector.TryRent(new FrameFormat(PixelFormat.Gray8, 8, 8), out FrameSlot slot));
            return slot;
        })];
        Assert.All(slots, static slot => slot.Dispose());
        AssertSame(alone[0], await DetectAsync(client, pictures[0], CancellationToken.None));
        Assert.Equal("Healthy", await client.GetStringAsync("/health"));

        async Task<bool> RequestAsync(int number)
        {
            int picture = number % pictures.Length;
            switch (number % 6)
            {
                case 1:
                    // After the upload: while it waits for a slot, is queued, or is in a lane.
                    using (CancellationTokenSource hangUp = new(TimeSpan.FromMilliseconds(10 * number)))
                    {
                        try
                        {
                            AssertSame(alone[picture], await DetectAsync(client, pictures[picture], hangUp.Token));
                            return true;
                        }
                        catch (OperationCanceledException)
                        {
                            return false;
                        }
                    }

                case 4:
                    await UploadAsync(client.BaseAddress!, pictures[picture], resets: number % 12 == 10);
                    return false;
                default:
                    AssertSame(alone[picture], await DetectAsync(client, pictures[picture], CancellationToken.None));
                    return true;
            }
        }
    }

    [Fact]
    public async Task A_picture_is_answered_with_what_the_reference_finds_and_anything_else_with_a_reason()
    {
        using WebApplicationFactory<DetectionApi::Program> service = Start("640x640", slots: 2, slotBytes: 640 * 480 * 3);
        using HttpClient client = service.CreateClient();
        client.Timeout = Limit;
        using JsonDocument reference = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(Pictures, "reference.json")));
        Found[] wanted =
        [
            .. reference.RootElement.GetProperty("0.jpg").GetProperty("detections").EnumerateArray().Select(static found =>
            {
                float[] box = [.. found.GetProperty("box").EnumerateArray().Select(static side => side.GetSingle())];
                return new Found(found.GetProperty("name").GetString()!, found.GetProperty("score").GetSingle(), box[0], box[1], box[2], box[3]);
            }),
        ];
        byte[] picture = await File.ReadAllBytesAsync(Path.Combine(Pictures, "0.jpg"));
        AssertSame(wanted, await DetectAsync(client, picture, CancellationToken.None));

        byte[] large = PictureFile.EncodeJpeg(new byte[641 * 480 * 3], new FrameFormat(PixelFormat.Bgr24, 641, 480));
        foreach (byte[] body in (byte[][])[[], [.. "no picture"u8], picture[..(picture.Length / 2)], large])
        {
            // More often than there are slots: a bad picture costs none.
            for (int time = 0; time < 3; time++)
            {
                using HttpResponseMessage answer = await client.PostAsync("/detect", new ByteArrayContent(body));
                Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
                Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
                Assert.Contains(body == large ? "921600" : "picture", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
            }
        }

        AssertSame(wanted, await DetectAsync(client, picture, CancellationToken.None));
    }

    private static async Task<Found[]> DetectAsync(HttpClient client, byte[] picture, CancellationToken cancellationToken)
    {
        using HttpResponseMessage answer = await client.PostAsync("/detect", new ByteArrayContent(picture), cancellationToken);
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync(cancellationToken));
        return (await answer.Content.ReadFromJsonAsync<Found[]>(cancellationToken))!;
    }

    // Hangs up in the middle of the upload; or behind it, without a word and without reading the answer.
    private static async Task UploadAsync(Uri address, byte[] picture, bool resets)
    {
        using TcpClient connection = new();
        await connection.ConnectAsync(address.Host, address.Port);
        NetworkStream stream = connection.GetStream();
        await stream.WriteAsync(
            Encoding.ASCII.GetBytes($"POST /detect HTTP/1.1\r\nHost: {address.Authority}\r\nContent-Length: {picture.Length}\r\n\r\n"));
        await stream.WriteAsync(picture.AsMemory(0, resets ? picture.Length : picture.Length / 2));
        connection.LingerState = new LingerOption(resets, seconds: 0);
    }

    // A batch may round differently from a frame alone.
    private static void AssertSame(Found[] wanted, Found[] found)
    {
        Assert.Equal(wanted.Select(static item => item.Name), found.Select(static item => item.Name));
        foreach ((Found want, Found got) in wanted.Zip(found))
        {
            Assert.Equal(want.Score, got.Score, 0.01f);
            Assert.Equal(want.X1, got.X1, 1f);
            Assert.Equal(want.Y1, got.Y1, 1f);
            Assert.Equal(want.X2, got.X2, 1f);
            Assert.Equal(want.Y2, got.Y2, 1f);
        }
    }

    private WebApplicationFactory<DetectionApi::Program> Start(string inputSize, int slots, int slotBytes)
    {
        WebApplicationFactory<DetectionApi::Program> service = factory.WithWebHostBuilder(builder => builder
            .UseEnvironment("Production")
            .UseSetting("Urls", "http://127.0.0.1:0")
            .UseSetting("Logging:LogLevel:Default", "Warning")
            .UseContentRoot(Path.Combine(SampleProcess.RepositoryRoot, "samples", "DetectionApi"))
            .UseSetting("Detector:Device", "cpu")
            .UseSetting("Detector:Slots", $"{slots}")
            .UseSetting("Detector:SlotBytes", $"{slotBytes}")
            .UseSetting("Detector:InputSize", inputSize));
        service.UseKestrel();
        service.StartServer();
        return service;
    }

    private sealed record Found(string Name, float Score, float X1, float Y1, float X2, float Y2);
}
