using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using YoloZeroCopy.Tests;

namespace MultiCamera.Tests.Web;

public sealed class OpenTelemetryTests : IDisposable
{
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Figures_go_to_a_collector()
    {
        TaskCompletionSource<byte[]> received = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using WebApplication collector = await CollectAsync(received);
        Dictionary<string, string> environment = new()
        {
            ["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.Urls.First(),
            ["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf",
            ["OTEL_METRIC_EXPORT_INTERVAL"] = "500",
        };
        await using SiteProcess site = await SiteProcess.StartAsync(folder, TestSettings.Of(TestSettings.Belt("belt", repeat: true)), environment);
        byte[] body = await received.Task.WaitAsync(SiteProcess.Limit);
        Assert.True(body.AsSpan().IndexOf("multicamera.camera.rate"u8) >= 0);
        Assert.True(body.AsSpan().IndexOf("yzc.frames.completed"u8) >= 0);
    }

    /// <summary>A collector that waits for figures of a camera: the first ones may come before it.</summary>
    private static async Task<WebApplication> CollectAsync(TaskCompletionSource<byte[]> received)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        _ = builder.Logging.ClearProviders();
        _ = builder.WebHost.UseUrls("http://127.0.0.1:0");
        WebApplication collector = builder.Build();
        _ = collector.MapPost("/v1/metrics", async (HttpRequest request) =>
        {
            using MemoryStream body = new();
            await request.Body.CopyToAsync(body);
            if (body.ToArray().AsSpan().IndexOf("belt"u8) >= 0)
            {
                _ = received.TrySetResult(body.ToArray());
            }
        });
        await collector.StartAsync();
        return collector;
    }
}
