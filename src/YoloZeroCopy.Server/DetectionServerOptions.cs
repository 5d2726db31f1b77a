using System.Globalization;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Logging;

namespace YoloZeroCopy;

/// <summary>How a <see cref="DetectionServer"/> serves. The defaults are for clients on this machine; every number is checked, and all of them
/// together, when it starts.</summary>
/// <remarks>Copied when it starts: what is changed later changes no server.</remarks>
public sealed record DetectionServerOptions
{
    internal const int MinTokenLength = 16;

    /// <summary>
    /// Folder with the models, each of its files <c>NAME.onnx</c>, <c>NAME.engine</c> or <c>NAME.plan</c> being one, called by its name without the
    /// ending. Whoever can write there decides what runs: an engine contains code.
    /// </summary>
    public string ModelFolder { get; set; } = "";

    /// <summary>
    /// How every model is opened. Its name is the model's; <see cref="DetectorOptions.Overflow"/> stays <see cref="OverflowPolicy.Wait"/>, as the
    /// server refuses what is too much before it is queued.
    /// </summary>
    public DetectorOptions Detector { get; set; } = new();

    /// <summary>Address to listen at. The default is this machine's own; any other needs <see cref="Certificate"/> and <see cref="Token"/>.</summary>
    public IPAddress Address { get; set; } = IPAddress.Loopback;

    /// <summary>Port of REST, metrics and probes; 0 takes a free one.</summary>
    public int HttpPort { get; set; } = 8000;

    /// <summary>Port of gRPC, another than <see cref="HttpPort"/>: without TLS, the two versions of HTTP cannot share one. 0 takes a free
    /// one.</summary>
    public int GrpcPort { get; set; } = 8001;

    /// <summary>Certificate with its private key, for TLS on both ports; null for none. It stays the caller's.</summary>
    public X509Certificate2? Certificate { get; set; }

    /// <summary>
    /// What requests must have as <c>Authorization: Bearer</c>, 16 characters or more; null lets everyone in. The protocol's health is told without.
    /// </summary>
    public string? Token { get; set; }

    /// <summary>Whether other addresses than this machine's own may be listened at without TLS or without a token, as behind a proxy that has
    /// both.</summary>
    public bool AllowInsecure { get; set; }

    /// <summary>Whether clients may load and unload models of the folder.</summary>
    public bool ModelControl { get; set; }

    /// <summary>
    /// Whether clients may name shared memory of this machine for their tensors. They may name any that this process can read and write: for a
    /// machine whose users trust each other. Linux; for listening on this machine only.
    /// </summary>
    public bool SharedMemory { get; set; }

    /// <summary>Most bytes of one request.</summary>
    public int MaxRequestBytes { get; set; } = 32 << 20;

    /// <summary>Most pixels of a picture's width and of its height.</summary>
    public int MaxPictureSide { get; set; } = FrameFormat.MaxSize;

    /// <summary>Most pictures of one request.</summary>
    public int MaxPictures { get; set; } = 32;

    /// <summary>
    /// Requests to infer, and streams, that may be open at once, those whose bytes are still coming among them; one more is refused. Times
    /// <see cref="MaxRequestBytes"/> it bounds the memory that requests take.
    /// </summary>
    public int MaxRequests { get; set; } = 512;

    /// <summary>Connections that may be open at once; one more is closed.</summary>
    public int MaxConnections { get; set; } = 1024;

    /// <summary>
    /// How long a request may wait for the model before it is computed. Where it would be longer by what is queued and by how fast the pipeline is
    /// now, the request is refused at once, with a hint when to try again; one that is found to have waited longer when its turn comes is refused
    /// then.
    /// </summary>
    public TimeSpan MaxQueueAge { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>How long a sender may take for its request's bytes.</summary>
    public TimeSpan ReceiveTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How long <see cref="DetectionServer.StopAsync"/> waits for what is open; then it is broken off.</summary>
    public TimeSpan DrainTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// Whether metrics are sent to the collector of OpenTelemetry that the environment names (<c>OTEL_EXPORTER_OTLP_ENDPOINT</c> and the like). What
    /// Prometheus reads at <c>/metrics</c> is there either way.
    /// </summary>
    public bool ExportMetrics { get; set; }

    /// <summary>Adds where logs go; null for nowhere.</summary>
    public Action<ILoggingBuilder>? Logging { get; set; }

    /// <summary>Opens a model, for tests.</summary>
    internal Func<string, DetectorOptions, CancellationToken, Task<YoloDetector>> Open { get; set; } =
        static (path, options, cancellationToken) => YoloDetector.OpenAsync(path, options, progress: null, cancellationToken);

    /// <summary>For people, without the token: <c>models of /models at 127.0.0.1:8000 (REST) and 8001 (gRPC)</c>.</summary>
    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"models of {ModelFolder} at {Address}:{HttpPort} (REST) and {GrpcPort} (gRPC)");

    /// <summary>A copy, checked.</summary>
    internal DetectionServerOptions Checked()
    {
        ArgumentNullException.ThrowIfNull(Detector);
        ArgumentNullException.ThrowIfNull(Address);
        DetectionServerOptions options = this with { Detector = Detector with { } };
        options.Validate();
        return options;
    }

    private void Validate()
    {
        if (string.IsNullOrWhiteSpace(ModelFolder) || !Directory.Exists(ModelFolder))
        {
            throw new ArgumentException($"{nameof(ModelFolder)} is '{ModelFolder}'; a folder that is there is wanted.", nameof(ModelFolder));
        }

        Within(HttpPort, 0, 65535, nameof(HttpPort));
        Within(GrpcPort, 0, 65535, nameof(GrpcPort));
        Within(MaxRequestBytes, 1024, 1 << 30, nameof(MaxRequestBytes));
        Within(MaxPictureSide, 1, FrameFormat.MaxSize, nameof(MaxPictureSide));
        Within(MaxPictures, 1, 1024, nameof(MaxPictures));
        Within(MaxRequests, 1, 65536, nameof(MaxRequests));
        Within(MaxConnections, 1, 65536, nameof(MaxConnections));
        Within(MaxQueueAge, TimeSpan.FromMilliseconds(1), TimeSpan.FromHours(1), nameof(MaxQueueAge));
        Within(ReceiveTimeout, TimeSpan.FromMilliseconds(100), TimeSpan.FromHours(1), nameof(ReceiveTimeout));
        Within(DrainTimeout, TimeSpan.Zero, TimeSpan.FromHours(1), nameof(DrainTimeout));
        if (HttpPort == GrpcPort && HttpPort != 0)
        {
            throw new ArgumentException($"{nameof(HttpPort)} and {nameof(GrpcPort)} are both {HttpPort}; they must differ.", nameof(GrpcPort));
        }

        if (Certificate is { HasPrivateKey: false })
        {
            throw new ArgumentException($"{nameof(Certificate)} has no private key.", nameof(Certificate));
        }

        // Printable and without spaces, as it stands in a header.
        if (Token is not null && (Token.Length < MinTokenLength || Token.Any(static letter => letter is <= ' ' or > '~')))
        {
            throw new ArgumentException(
                $"{nameof(Token)} has {Token.Length} characters; {MinTokenLength} or more that are printable ASCII without spaces are wanted.",
                    nameof(Token));
        }

        bool isLocal = IPAddress.IsLoopback(Address);
        if (!isLocal && !AllowInsecure && (Certificate is null || Token is null))
        {
            throw new ArgumentException(
                $"{nameof(Address)} is {Address}, where other machines reach it: that needs a {nameof(Certificate)} and a "
                    + $"{nameof(Token)}, or {nameof(AllowInsecure)}.",
                nameof(Address));
        }

        if (SharedMemory && !isLocal)
        {
            throw new ArgumentException(
                $"{nameof(SharedMemory)} is for clients on this machine, and {nameof(Address)} is {Address}; listen at this machine's own.",
                    nameof(SharedMemory));
        }

        if (SharedMemory && !OperatingSystem.IsLinux())
        {
            throw new ArgumentException($"{nameof(SharedMemory)} needs Linux.", nameof(SharedMemory));
        }

        if (Detector.Overflow != OverflowPolicy.Wait)
        {
            throw new ArgumentException(
                $"{nameof(DetectorOptions.Overflow)} is {Detector.Overflow}; a server answers every request: {OverflowPolicy.Wait} is wanted.",
                    nameof(Detector));
        }

        if (Detector.MaxFrameAge != TimeSpan.Zero)
        {
            throw new ArgumentException(
                $"{nameof(DetectorOptions.MaxFrameAge)} is given by {nameof(MaxQueueAge)}, and must be zero.", nameof(Detector));
        }

        if (Detector.MaxBatchDelay >= MaxQueueAge)
        {
            throw new ArgumentException(
                $"{nameof(DetectorOptions.MaxBatchDelay)} is {Detector.MaxBatchDelay}, and {nameof(MaxQueueAge)} is "
                    + $"{MaxQueueAge}: batches must not wait so long.",
                nameof(Detector));
        }
    }

    private static void Within<T>(T value, T least, T most, string name)
        where T : IComparable<T>
    {
        if (value.CompareTo(least) < 0 || value.CompareTo(most) > 0)
        {
            throw new ArgumentOutOfRangeException(name, value, FormattableString.Invariant($"{name} is {value}; {least} to {most} is wanted."));
        }
    }
}
