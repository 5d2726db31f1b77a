using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.RegularExpressions;

namespace YoloZeroCopy.Deploy.Tests;

/// <summary>The server as a container starts it, with the same arguments, as a process: folders, ports and the device are this machine's.</summary>
internal sealed class ServeProcess : IDisposable
{
    private const string Token = "a-token-of-the-test";

    private readonly TempFolder folder = new();
    private readonly Process process;
    private readonly List<string> output = [];
    private readonly TaskCompletionSource<Uri> address = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <param name="arguments">What the container is given: <c>serve</c> and options.</param>
    public ServeProcess(IEnumerable<string> arguments)
    {
        _ = Directory.CreateDirectory(folder.File("models"));
        File.CreateSymbolicLink(folder.File("models/conveyor.onnx"), Path.Combine(DeployFolder.Root, "samples/model/conveyor.onnx"));
        File.WriteAllText(folder.File("token"), Token);
        WriteCertificate();
        ProcessStartInfo start = new(Path.Combine(AppContext.BaseDirectory, "yzc"), OnHost(arguments))
        {
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        };
        process = Process.Start(start)!;
        process.OutputDataReceived += (_, line) => Take(line.Data);
        process.ErrorDataReceived += (_, line) => Take(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    public HttpClient Client { get; } = new(new HttpClientHandler
    {
        ServerCertificateCustomValidationCallback = HttpClientHandler.DangerousAcceptAnyServerCertificateValidator,
    });

    public string Output
    {
        get
        {
            lock (output)
            {
                return string.Join('\n', output);
            }
        }
    }

    /// <summary>Waits until it listens.</summary>
    public async Task StartedAsync(CancellationToken cancellationToken)
    {
        Task ended = process.WaitForExitAsync(cancellationToken);
        Assert.True(await Task.WhenAny(address.Task, ended) == address.Task, $"it ended at once:\n{Output}");
        Client.BaseAddress = new UriBuilder(await address.Task) { Host = "127.0.0.1" }.Uri;
    }

    /// <summary>Waits until a probe is answered with 200, as what asks it does without a token.</summary>
    public async Task HealthyAsync(string path, CancellationToken cancellationToken)
    {
        using PeriodicTimer pause = new(TimeSpan.FromMilliseconds(50));
        HttpStatusCode status;
        do
        {
            using HttpResponseMessage answer = await Client.GetAsync(path, cancellationToken);
            status = answer.StatusCode;
            Assert.True(status is HttpStatusCode.OK or HttpStatusCode.ServiceUnavailable, $"{path} is answered with {status}");
        }
        while (status != HttpStatusCode.OK && await pause.WaitForNextTickAsync(cancellationToken));
    }

    public async Task<string> MetricsAsync(string path, CancellationToken cancellationToken)
    {
        using HttpRequestMessage request = new(HttpMethod.Get, path);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", Token);
        using HttpResponseMessage answer = await Client.SendAsync(request, cancellationToken);
        return await answer.EnsureSuccessStatusCode().Content.ReadAsStringAsync(cancellationToken);
    }

    public void Dispose()
    {
        process.Kill();
        process.WaitForExit();
        process.Dispose();
        Client.Dispose();
        folder.Dispose();
    }

    // Each option is kept, and only what it says of the container's own folders, ports and card is changed.
    private List<string> OnHost(IEnumerable<string> arguments)
    {
        List<string> given = [.. arguments.SelectMany(static one => one.StartsWith("--", StringComparison.Ordinal) ? one.Split('=', 2) : [one])];
        foreach (string port in new[] { "--http-port", "--grpc-port" }.Except(given))
        {
            given.AddRange([port, "0"]);
        }

        for (int i = 1; i < given.Count; i++)
        {
            given[i] = given[i - 1] switch
            {
                "--models" => folder.File("models"),
                "--token-file" => folder.File("token"),
                "--certificate" => folder.File("tls.crt"),
                "--key" => folder.File("tls.key"),
                "--http-port" or "--grpc-port" => "0",
                "--device" => "cpu",
                _ => given[i],
            };
        }

        return given;
    }

    private void WriteCertificate()
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        CertificateRequest request = new("CN=test", key, HashAlgorithmName.SHA256);
        using X509Certificate2 certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddHours(1));
        File.WriteAllText(folder.File("tls.crt"), certificate.ExportCertificatePem());
        File.WriteAllText(folder.File("tls.key"), key.ExportPkcs8PrivateKeyPem());
    }

    private void Take(string? line)
    {
        if (line is null)
        {
            return;
        }

        lock (output)
        {
            output.Add(line);
        }

        if (Regex.Match(line, "https?://[^ ,]+") is { Success: true } match)
        {
            _ = address.TrySetResult(new Uri(match.Value));
        }
    }
}
