namespace YoloZeroCopy.Results;

/// <summary>The video of one file of <c>yzc bench --video</c>: a column for each number of streams.</summary>
/// <param name="Name">The name in its marker.</param>
/// <param name="File">The file.</param>
internal sealed record VideoTable(string Name, string File) : Table(Name)
{
    private const string Rates = ".rates.";

    public override string? Render(ResultFolder results)
    {
        if (results.Find(File) is not ResultFile file)
        {
            return null;
        }

        string first = file.Figures.Keys.FirstOrDefault(static name => name.Contains(Rates, StringComparison.Ordinal))
            ?? throw new ResultException($"{File}: it has no video.");
        string list = first[..first.IndexOf(Rates, StringComparison.Ordinal)] + Rates[..^1];
        BenchResult result = new(file);
        string[] streams = [.. result.Items(list).Select(static item => item.Split('.')[0]).Distinct()];
        (string Title, Func<string, string?> Cell)[] rows =
        [
            ("decoded only, frames/s", path => result.Short($"{path}.decoded.fps")),
            ("decoded and detected in", path => result.Short($"{path}.detected.fps")),
            ("ratio", path => result.Ratio($"{path}.ratio")),
            ("packet to detections, p50", path => result.Microseconds($"{path}.detected.latency_us_p50")),
            ("p99", path => result.Microseconds($"{path}.detected.latency_us_p99")),
            ("decoding engines busy", path => result.Percent($"{path}.detected.pct_decoding")),
            ("managed bytes a frame", path => result.Short($"{path}.detected.managed_bytes_per_frame")),
            ("host copies a frame", path => result.Short($"{path}.detected.host_copies_per_frame")),
        ];
        return Write(
            [
                ["streams", .. streams],
                .. rows.Select(row => (IReadOnlyList<string?>)[row.Title, .. streams.Select(number => row.Cell($"{list}.{number}"))]),
            ],
            [file]);
    }
}
