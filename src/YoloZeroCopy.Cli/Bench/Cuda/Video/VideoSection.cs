using System.Text.Json;

namespace YoloZeroCopy.Cli;

/// <summary>What a number of streams reached in one slice of time.</summary>
/// <param name="Fps">Frames a second, of all streams.</param>
/// <param name="Latency">From packet to detections; empty where frames were only decoded.</param>
/// <param name="Use">Percent of the time in which the device decoded and computed; null where unknown.</param>
/// <param name="ManagedBytes">Bytes that the process allocated, for each frame.</param>
/// <param name="HostCopies">Copies of frames in host memory, for each frame.</param>
/// <param name="CpuMicroseconds">Processor time of the process, for each frame.</param>
internal sealed record VideoSlice(
    double Fps, LatencyHistogram Latency, (double Decoding, double Computing)? Use, double ManagedBytes, double HostCopies, double CpuMicroseconds)
{
    public void Write(Utf8JsonWriter json, string name)
    {
        json.WriteStartObject(name);
        json.WriteNumber("fps"u8, Math.Round(Fps, 1));
        if (Latency.Count > 0)
        {
            json.WriteNumber("latency_us_p50"u8, Math.Round(Latency.Microseconds(0.5), 1));
            json.WriteNumber("latency_us_p99"u8, Math.Round(Latency.Microseconds(0.99), 1));
        }

        if (Use is (double decoding, double computing))
        {
            json.WriteNumber("pct_decoding"u8, Math.Round(decoding, 1));
            json.WriteNumber("pct_computing"u8, Math.Round(computing, 1));
        }

        json.WriteNumber("managed_bytes_per_frame"u8, Math.Round(ManagedBytes, 3));
        json.WriteNumber("host_copies_per_frame"u8, Math.Round(HostCopies, 4));
        json.WriteNumber("cpu_us_per_frame"u8, Math.Round(CpuMicroseconds, 2));
        json.WriteEndObject();
    }

    public string Describe()
    {
        string latency = Latency.Count == 0
            ? ""
            : FormattableString.Invariant($", latency p50 {Latency.Microseconds(0.5) / 1000:F1} ms, p99 {Latency.Microseconds(0.99) / 1000:F1} ms");
        string use = Use is (double decoding, double computing)
            ? FormattableString.Invariant($", decoding {decoding:F0} %, computing {computing:F0} % of the time")
            : "";
        return FormattableString.Invariant(
            $"{Fps:F0} frames/s{latency}{use}, {ManagedBytes:F2} managed bytes, {HostCopies:F2} host copies, {CpuMicroseconds:F0} us CPU a frame");
    }
}

/// <summary>A number of streams: decoded only, and decoded and detected in.</summary>
/// <param name="Streams">How many at a time.</param>
/// <param name="Decoded">Decoded on the device.</param>
/// <param name="Detected">The same, and detected in.</param>
/// <param name="EngineFps">What the engine reaches alone.</param>
/// <param name="Others">Other ways to decode, by name: of MJPEG, parts of the device and the processor.</param>
internal sealed record VideoRate(
    int Streams, VideoSlice Decoded, VideoSlice Detected, double EngineFps, IReadOnlyList<(string Name, VideoSlice Slice)> Others)
{
    /// <summary>What is left of the slower of decoder and engine once both work together.</summary>
    public double Ratio => Statistics.Ratio(Detected.Fps, Math.Min(Decoded.Fps, EngineFps));
}

/// <summary>Videos that are decoded on the device and detected in where they lie.</summary>
/// <param name="Clip">What was decoded.</param>
/// <param name="Rates">As fast as it goes, by the number of streams.</param>
/// <param name="Cameras">Most cameras of 30 frames a second whose p99 from packet to detections is at most 50 ms; 0 where none is.</param>
/// <param name="AtCameras">What they reached.</param>
/// <param name="Limit">What refused more cameras, where that was not their latency; null else.</param>
internal sealed record VideoSection(ElementaryStream Clip, IReadOnlyList<VideoRate> Rates, int Cameras, VideoSlice? AtCameras, string? Limit)
    : IReportSection
{
    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject($"video {Clip.Name}");
        json.WriteString("codec"u8, Clip.Codec.ToString().ToLowerInvariant());
        json.WriteNumber("packets"u8, Clip.Packets.Length);
        json.WriteNumber("bytes_per_packet"u8, Math.Round(Clip.Packets.Average(static packet => packet.Length)));
        json.WriteStartArray("rates"u8);
        foreach (VideoRate rate in Rates)
        {
            json.WriteStartObject();
            json.WriteNumber("streams"u8, rate.Streams);
            rate.Decoded.Write(json, "decoded");
            rate.Detected.Write(json, "detected");
            json.WriteNumber("ratio"u8, Math.Round(rate.Ratio, 4));
            foreach ((string name, VideoSlice slice) in rate.Others)
            {
                slice.Write(json, name);
            }

            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteNumber("cameras_at_30_fps"u8, Cameras);
        AtCameras?.Write(json, "at_cameras");
        if (Limit is not null)
        {
            json.WriteString("cameras_limit"u8, Limit);
        }

        json.WriteEndObject();
    }

    public IEnumerable<(string Name, string Text)> Lines()
    {
        yield return ("video", FormattableString.Invariant(
            $"{Clip.Name}: {Clip.Codec}, {Clip.Packets.Length} packets of {Clip.Packets.Average(static packet => packet.Length):F0} bytes"));
        foreach (VideoRate rate in Rates)
        {
            yield return ($"{rate.Streams} streams, decoded", rate.Decoded.Describe());
            yield return ($"{rate.Streams} streams, detected", FormattableString.Invariant($"ratio {rate.Ratio:F4}, ") + rate.Detected.Describe());
            foreach ((string name, VideoSlice slice) in rate.Others)
            {
                yield return ($"{rate.Streams} streams, {name.Replace('_', ' ')}", slice.Describe());
            }
        }

        yield return (
            "cameras of 30 frames/s",
                FormattableString.Invariant($"{Cameras} within 50 ms p99{(AtCameras is null ? "" : $": {AtCameras.Describe()}")}"));
        if (Limit is not null)
        {
            yield return ("more cameras", Limit);
        }
    }
}
