namespace YoloZeroCopy;

/// <summary>What a device's recorded batches say: how busy streams and link were, and how fast the link is.</summary>
internal readonly record struct DeviceUse(double ComputeUse, double GapShare, double CopyUse, double BytesPerSecond, double LinkBytesPerSecond)
{
    // Fewer say nothing of a rate.
    private const int Fewest = 3;

    // An upload shorter than this is mostly the time to start it.
    private const double ShortestUpload = 0.02;

    /// <param name="spans">Consecutive batches, times in milliseconds.</param>
    /// <returns>Null where they are too few.</returns>
    public static DeviceUse? Of(ReadOnlySpan<TimelineSpan> spans)
    {
        if (spans.Length < Fewest)
        {
            return null;
        }

        double end = 0;
        double copying = 0;
        double copied = 0;
        long bytes = 0;
        double best = 0;
        Dictionary<int, (double Busy, double Gaps, double End)> streams = [];
        foreach (TimelineSpan span in spans)
        {
            end = Math.Max(end, span.ComputeEnd);
            double upload = span.UploadEnd - span.UploadStart;

            // Where one began before the other ended, the time is counted once.
            copying += Math.Max(0, span.UploadEnd - Math.Max(copied, span.UploadStart));
            copied = Math.Max(copied, span.UploadEnd);
            bytes += span.Bytes;
            if (upload >= ShortestUpload)
            {
                best = Math.Max(best, span.Bytes / upload);
            }

            if (!streams.TryGetValue(span.Stream, out (double Busy, double Gaps, double End) stream))
            {
                stream = (0, 0, span.ComputeStart);
            }

            // The batch was there when the stream had nothing to do, and the stream did not begin.
            double ready = Math.Max(stream.End, span.UploadEnd);
            double gap = Math.Max(0, span.ComputeStart - ready);
            streams[span.Stream] = (
                stream.Busy + Math.Max(0, span.StreamEnd - Math.Max(stream.End, span.ComputeStart)), stream.Gaps + gap, span.StreamEnd);
        }

        double whole = end - spans[0].UploadStart;
        return whole <= 0 ? null : new DeviceUse(
            streams.Values.Sum(static one => one.Busy) / whole / streams.Count,
            streams.Values.Sum(static one => one.Gaps) / whole / streams.Count,
            copying / whole,
            bytes / whole * 1000,
            best * 1000);
    }
}
