using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace MultiCamera.Tests.Web;

public sealed class OpenTelemetryTests : IDisposable
{
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Figures_go_to_a_collector()
    {
        TaskCompletionSource received = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using WebApplication collector = await CollectAsync(received);
        Dictionary<string, string> environment = new()
        {
            ["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.Urls.First(),
            ["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf",
            ["OTEL_METRIC_EXPORT_INTERVAL"] = "500",
        };
        await using SiteProcess site = await SiteProcess.StartAsync(folder, TestSettings.Of(TestSettings.Belt("belt", repeat: true)), environment);
        await received.Task.WaitAsync(SiteProcess.Limit);
    }

    /// <summary>A collector that waits for a message with a camera's rate and its detector's frames: the first ones come earlier.</summary>
    private static async Task<WebApplication> CollectAsync(TaskCompletionSource received)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        _ = builder.Logging.ClearProviders();
        _ = builder.WebHost.UseUrls("http://127.0.0.1:0");
        WebApplication collector = builder.Build();
        _ = collector.MapPost("/v1/metrics", async (HttpRequest request) =>
        {
            using MemoryStream body = new();
            await request.Body.CopyToAsync(body);
            ReadOnlySpan<byte> figures = body.GetBuffer().AsSpan(0, (int)body.Length);
            if (figures.IndexOf("belt"u8) >= 0 && figures.IndexOf("multicamera.camera.rate"u8) >= 0 && figures.IndexOf("yzc.frames.completed"u8) >= 0)
            {
                _ = received.TrySetResult();
            }
        });
        await collector.StartAsync();
        return collector;
    }
}
