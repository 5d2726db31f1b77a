using System.Net;
using System.Text.Json;

namespace YoloZeroCopy.Cli.Tests;

/// <summary><c>yzc serve</c> as users run it: it serves until a signal, and says what is wrong with its options.</summary>
public sealed class ServeTests
{
    private const int Terminate = 15;

    [Fact]
    public async Task It_serves_a_folder_until_it_is_to_end()
    {
        Signals.SkipIfIgnored(Terminate);
        using ModelFolder folder = new();
        File.Copy(SampleAssets.Model, folder.File("conveyor.onnx"));
        await File.WriteAllTextAsync(folder.File("token"), "0123456789abcdef\n");
        int port = LocalPort.Free();
        using YzcProcess process = YzcProcess.Start(
            [], "serve", "--models", folder.Path, "--device", "cpu", "--http-port", $"{port}", "--grpc-port", "0", "--token-file",
            folder.File("token"));
        using HttpClient http = new() { BaseAddress = new Uri($"http://127.0.0.1:{port}"), Timeout = TimeSpan.FromMinutes(2) };
        using CancellationTokenSource patience = new(TimeSpan.FromMinutes(2));
        while (!await IsReadyAsync(http, patience.Token))
        {
            Assert.False(process.HasExited, "The server ended.");
            await Task.Delay(50, patience.Token);
        }

        using ByteArrayContent picture = new(await File.ReadAllBytesAsync(Path.Combine(SampleAssets.Pictures, "0.jpg"), patience.Token));
        Assert.Equal(HttpStatusCode.Unauthorized, (await http.PostAsync("/v2/models/conveyor/detect", picture, patience.Token)).StatusCode);
        http.DefaultRequestHeaders.Authorization = new("Bearer", "0123456789abcdef");
        using HttpResponseMessage response = await http.PostAsync("/v2/models/conveyor/detect", picture, patience.Token);
        JsonElement found = JsonDocument.Parse(await response.Content.ReadAsStringAsync(patience.Token)).RootElement;
        Assert.True(found.GetProperty("detections").GetArrayLength() > 5, found.ToString());
        process.Signal(Terminate);
        YzcResult result = process.WaitForEnd();
        Assert.Equal(ExitCode.Terminated, result.ExitCode);
        Assert.Contains("Model conveyor is closed", result.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("0123456789abcdef", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void What_contradicts_is_refused_before_anything_is_opened()
    {
        using ModelFolder folder = new();
        YzcProcess.Run("serve", "--models", folder.File("nothing")).Failed(ExitCode.WrongArguments, "ModelFolder");
        YzcProcess.Run("serve", "--models", folder.Path, "--listen", "0.0.0.0").Failed(ExitCode.WrongArguments, "0.0.0.0", "Token");
        YzcProcess.Run("serve", "--models", folder.Path, "--listen", "everywhere").Failed(ExitCode.WrongArguments, "--listen");
        YzcProcess.Run("serve", "--models", folder.Path, "--certificate", folder.File("nothing")).Failed(ExitCode.WrongArguments, "--certificate");
    }

    private static async Task<bool> IsReadyAsync(HttpClient http, CancellationToken cancellationToken)
    {
        try
        {
            return (await http.GetAsync("/v2/health/ready", cancellationToken)).IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }
}
