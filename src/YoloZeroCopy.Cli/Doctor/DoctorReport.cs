using System.Text.Json;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace YoloZeroCopy.Cli;

/// <summary>What <c>yzc doctor</c> prints.</summary>
/// <param name="Environment">The machine.</param>
/// <param name="Latency">The run; null where none was asked for, or none could be.</param>
internal sealed record DoctorReport(EnvironmentReport Environment, LatencyReport? Latency)
{
    public string ToText() => Latency is null ? Environment.ToString() : $"{Environment}{System.Environment.NewLine}{Latency}";

    public string ToJson() => JsonText.Write(json =>
    {
        json.WriteStartArray("environment"u8);
        foreach (Finding finding in Environment.Findings)
        {
            json.WriteStartObject();
            json.WriteString("name"u8, finding.Name);
            json.WriteString("verdict"u8, finding.Verdict.ToString().ToLowerInvariant());
            json.WriteString("found"u8, finding.Found);
            json.WriteString("remedy"u8, finding.Remedy);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        if (Latency is not null)
        {
            WriteLatency(json, Latency);
        }
    });

    public IRenderable ToTable()
    {
        Table table = new Table().RoundedBorder().AddColumns(
            new TableColumn("verdict").NoWrap(), new TableColumn("what").NoWrap(), new TableColumn("found"), new TableColumn("remedy"));
        foreach (Finding finding in Environment.Findings)
        {
            Color color = finding.Verdict switch
            {
                FindingVerdict.Good => Color.Green,
                FindingVerdict.Bad => Color.Red,
                _ => Color.Yellow,
            };
            string verdict = finding.Verdict.ToString().ToLowerInvariant();
            table.AddRow(new Text(verdict, new Style(color)), new Text(finding.Name), new Text(finding.Found), new Text(finding.Remedy ?? ""));
        }

        return Latency is null ? table : new Rows(table, new Text(Latency.ToString()));
    }

    private static void WriteLatency(Utf8JsonWriter json, LatencyReport report)
    {
        json.WriteStartObject("latency"u8);
        json.WriteString("verdict"u8, report.Verdict.ToString());
        json.WriteStartArray("causes"u8);
        foreach (LatencyFinding finding in report.Findings)
        {
            json.WriteStartObject();
            json.WriteString("cause"u8, finding.Cause.ToString());
            json.WriteString("evidence"u8, finding.Evidence);
            json.WriteString("remedy"u8, finding.Remedy);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        RunObservation o = report.Observation;
        Number("seconds", o.Seconds);
        Number("frames_per_second", o.Rate);
        Number("batch", o.MeanBatch);
        Number("fill_ms", o.FillSeconds * 1000);
        Number("queue_ms", o.QueueSeconds * 1000);
        Number("lane_ms", o.LaneSeconds * 1000);
        Number("held_ms", o.HeldSeconds * 1000);
        Number("lane_use", o.LaneUse);
        Number("dispatcher_use", o.StartShare);
        Number("start_ms", o.MeanStart * 1000);
        Number("gc_pause_share", o.GcPauseShare);
        Number("pool_delay_ms", o.PoolDelay * 1000);
        Number("wake_delay_ms", o.WakeDelay * 1000);
        if (o.Device is DeviceObservation d)
        {
            Number("compute_use", d.ComputeUse);
            Number("gap_share", d.GapShare);
            Number("copy_use", d.CopyUse);
            Number("bytes_per_second", d.BytesPerSecond);
            Number("link_bytes_per_second", d.LinkBytesPerSecond);
            Number("sm_clock_mhz", d.SmClock);
            Number("sm_clock_max_mhz", d.SmClockMax);
            Number("decoder_use", d.DecoderUse);
            Number("memory_free_bytes", d.MemoryFree);
            Number("memory_of_others_bytes", d.MemoryOfOthers);
        }

        json.WriteEndObject();

        // What is not known is absent.
        void Number(string name, double? value)
        {
            if (value is double known)
            {
                json.WriteNumber(name, Math.Round(known, 6));
            }
        }
    }
}
