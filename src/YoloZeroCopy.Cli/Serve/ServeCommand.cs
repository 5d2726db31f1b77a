using System.CommandLine;
using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;

namespace YoloZeroCopy.Cli;

/// <summary><c>yzc serve</c>: serves the models of a folder over the Open Inference Protocol.</summary>
internal static class ServeCommand
{
    private static readonly DetectionServerOptions Default = new();

    private static readonly Option<string> Models = new("--models")
    {
        Description = "Folder of models: each NAME.onnx, NAME.engine or NAME.plan is served as NAME (trusted files only: an engine contains code).",
        HelpName = "FOLDER",
        Required = true,
    };

    private static readonly Option<string?> Listen = new("--listen")
    {
        Description = "Address to listen at. Default: 127.0.0.1, this machine only. Any other needs --certificate and --token-file, or --insecure.",
        HelpName = "ADDRESS",
    };

    private static readonly Option<int> HttpPort =
        Options.Integer("--http-port", "Port of REST, metrics and probes; 0 takes a free one.", 0, 65535, Default.HttpPort);
    private static readonly Option<int> GrpcPort = Options.Integer("--grpc-port", "Port of gRPC; 0 takes a free one.", 0, 65535, Default.GrpcPort);

    private static readonly Option<string?> CertificateFile = new("--certificate")
    {
        Description = "Certificate for TLS, PEM; its private key in the same file or in that of --key.",
        HelpName = "FILE",
    };

    private static readonly Option<string?> Key = new("--key") { Description = "Private key of the certificate, PEM.", HelpName = "FILE" };

    private static readonly Option<string?> TokenFile = new("--token-file")
    {
        Description = "File whose first line is the token that requests must have: Authorization: Bearer TOKEN.",
        HelpName = "FILE",
    };

    private static readonly Option<bool> Insecure = new("--insecure")
    {
        Description = "Listen at other addresses without TLS or without a token, as behind a proxy that has both.",
    };
    private static readonly Option<bool> ModelControl = new("--model-control") { Description = "Let clients load and unload models of the folder." };

    private static readonly Option<bool> SharedMemory = new("--shared-memory")
    {
        Description = "Let clients give frames in shared memory of this machine, any that this process can use: for users who trust each other.",
    };

    private static readonly Option<double> QueueAge = Options.Seconds(
        "--max-queue-age", "How long a request may wait for the model; more is refused with a hint when to try again.", 0.001, 3600,
            Default.MaxQueueAge.TotalSeconds);

    private static readonly Option<double> Drain = Options.Seconds(
        "--drain", "How long open requests have when the server ends (SIGTERM, Ctrl-C).", 0, 3600, Default.DrainTimeout.TotalSeconds);

    private static readonly Option<int> Requests =
        Options.Integer("--max-requests", "Requests that may be open at once.", 1, 65536, Default.MaxRequests);

    private static readonly Option<int> RequestMegabytes = Options.Integer(
        "--max-request-mib", "Most MiB of one request.", 1, 1024, Default.MaxRequestBytes >> 20);

    private static readonly Option<(int Width, int Height)?> Frame = Options.FrameSize();
    private static readonly Option<int> Batch = Options.Batch();
    private static readonly Option<int> Lanes = Options.Lanes();
    private static readonly Option<int> Threads = Options.Threads();
    private static readonly Option<Device> Device = Options.Device();
    private static readonly Option<Precision> Precision = Options.Precision();
    private static readonly Option<bool> HostCode = Options.HostCode();

    public static Command Create()
    {
        Command command = new(
            "serve",
            "Serves models to clients in any language, over gRPC and REST of the Open Inference Protocol v2 with "
                + "Triton's extensions. Ends on SIGTERM and "
                + "Ctrl-C, when what is open is answered. Metrics go to the collector that OTEL_EXPORTER_OTLP_ENDPOINT "
                + "names, too. Exit codes: see `yzc --help`.")
        {
            Models, Listen, HttpPort, GrpcPort, CertificateFile, Key, TokenFile, Insecure, ModelControl, SharedMemory, QueueAge, Drain, Requests,
                RequestMegabytes,
            Frame, Batch, Lanes, Threads, Device, Precision, HostCode,
        };
        command.SetAction(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult arguments, CancellationToken stop)
    {
        using X509Certificate2? certificate = ReadCertificate(arguments.GetValue(CertificateFile), arguments.GetValue(Key));
        (int width, int height) = arguments.GetValue(Frame) ?? (1920, 1080);
        DetectionServerOptions options = new()
        {
            ModelFolder = arguments.GetRequiredValue(Models),
            Address = ReadAddress(arguments.GetValue(Listen)),
            HttpPort = arguments.GetValue(HttpPort),
            GrpcPort = arguments.GetValue(GrpcPort),
            Certificate = certificate,
            Token = ReadToken(arguments.GetValue(TokenFile)),
            AllowInsecure = arguments.GetValue(Insecure),
            ModelControl = arguments.GetValue(ModelControl),
            SharedMemory = arguments.GetValue(SharedMemory),
            MaxQueueAge = TimeSpan.FromSeconds(arguments.GetValue(QueueAge)),
            DrainTimeout = TimeSpan.FromSeconds(arguments.GetValue(Drain)),
            MaxRequests = arguments.GetValue(Requests),
            MaxRequestBytes = arguments.GetValue(RequestMegabytes) << 20,
            ExportMetrics = Environment.GetEnvironmentVariable("OTEL_EXPORTER_OTLP_ENDPOINT") is not null,
            Logging = LogToStandardError,
            Detector = new DetectorOptions
            {
                Device = arguments.GetValue(Device),
                MaxBatch = arguments.GetValue(Batch),
                Lanes = arguments.GetValue(Lanes),
                Threads = arguments.GetValue(Threads),
                Precision = arguments.GetValue(Precision),
                TensorRtHostCodeAllowed = arguments.GetValue(HostCode),
                SlotBytes = new FrameFormat(PixelFormat.Bgr24, width, height).ByteCount,
            },
        };
        await using DetectionServer server = await StartAsync(options, stop);
        Task<Exception> lost = server.Lost;
        Task ended = Task.Delay(Timeout.Infinite, stop);
        if (await Task.WhenAny(lost, ended) == lost)
        {
            // Whoever keeps services running starts a new process, which works again.
            throw new CliException(ExitCode.ModelUnusable, $"the device is lost to this process: {(await lost).Message}");
        }

        await server.StopAsync();
        return ExitCode.Done;
    }

    private static void LogToStandardError(ILoggingBuilder logging)
    {
        _ = logging.AddSimpleConsole(static console => console.SingleLine = true);
        _ = logging.Services.Configure<ConsoleLoggerOptions>(static console => console.LogToStandardErrorThreshold = LogLevel.Trace);
    }

    private static async Task<DetectionServer> StartAsync(DetectionServerOptions options, CancellationToken stop)
    {
        try
        {
            return await DetectionServer.StartAsync(options, stop);
        }
        catch (ArgumentException error)
        {
            throw new CliException(ExitCode.WrongArguments, ErrorReport.MessageOf(error), "`yzc serve --help` lists the options.", error);
        }
        catch (IOException error)
        {
            throw new CliException(ExitCode.WrongArguments, error.Message, "--http-port and --grpc-port choose others.", error);
        }
    }

    private static IPAddress ReadAddress(string? text) => text is null ? Default.Address
        : IPAddress.TryParse(text, out IPAddress? address) ? address
        : throw new CliException(ExitCode.WrongArguments, $"--listen: '{text}' is no address, such as 127.0.0.1 or 0.0.0.0.");

    private static string? ReadToken(string? path)
    {
        try
        {
            return path is null ? null : File.ReadLines(path).FirstOrDefault("").Trim();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new CliException(ExitCode.WrongArguments, $"--token-file: {error.Message}", innerException: error);
        }
    }

    private static X509Certificate2? ReadCertificate(string? path, string? key)
    {
        if (path is null)
        {
            return key is null ? null : throw new CliException(ExitCode.WrongArguments, "--key is for a --certificate, and there is none.");
        }

        try
        {
            return X509Certificate2.CreateFromPemFile(path, key);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw new CliException(
                ExitCode.WrongArguments, string.Create(CultureInfo.InvariantCulture, $"--certificate: {error.Message}"), innerException: error);
        }
    }
}
