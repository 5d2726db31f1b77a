namespace YoloZeroCopy;

/// <summary>How a host opens a detector: the model and when, beside the detector's own options.</summary>
/// <remarks>
/// Where <see cref="DetectorOptions.Name"/> is null, the detector is called by its key, or <c>default</c>; where
/// <see cref="DetectorOptions.Warning"/> is null, warnings are logged.
/// </remarks>
public sealed record DetectorServiceOptions : DetectorOptions
{
    /// <summary>
    /// The model's file, as <see cref="YoloDetector.Open(string, DetectorOptions?)"/> takes it. A relative path begins at the host's content root,
    /// where its configuration lies. With <see cref="LoadModel"/>, only what messages call the model.
    /// </summary>
    public string ModelPath { get; set; } = "";

    /// <summary>
    /// Gives the model's bytes, from a store or a resource, instead of its file; null reads the file. Called once, as opening begins; its token is
    /// cancelled when the host stops.
    /// </summary>
    public Func<CancellationToken, Task<ReadOnlyMemory<byte>>>? LoadModel { get; set; }

    /// <summary>
    /// Lets the host start at once and opens the detector beside it. Off by default: the host starts its services, and so listens, when the detector
    /// is open, and does not start when that fails.
    /// </summary>
    /// <remarks>
    /// Meanwhile the health check is degraded, <see cref="DetectorService.TryGet"/> gives false, and a <see cref="YoloDetector"/> cannot be injected.
    /// </remarks>
    public bool OpenInBackground { get; set; }

    /// <summary>
    /// How often what the detector dropped is logged, if it dropped anything. One minute by default, a day at most; zero never logs it.
    /// </summary>
    public TimeSpan DropReportInterval { get; set; } = TimeSpan.FromMinutes(1);

    /// <exception cref="InvalidOperationException">What a host needs is missing or out of range. The detector's own options are checked when it is
    /// opened.</exception>
    internal void ThrowIfUnusable(string name)
    {
        if (string.IsNullOrWhiteSpace(ModelPath))
        {
            throw new InvalidOperationException($"Detector '{name}' has no model: {nameof(ModelPath)} is not set.");
        }

        if (DropReportInterval < TimeSpan.Zero || DropReportInterval > TimeSpan.FromDays(1))
        {
            throw new InvalidOperationException(FormattableString.Invariant(
                $"Detector '{name}': {nameof(DropReportInterval)} is {DropReportInterval}; {TimeSpan.Zero} to {TimeSpan.FromDays(1)} is wanted."));
        }
    }
}
