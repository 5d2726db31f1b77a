using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text;

namespace YoloZeroCopy.Server;

/// <summary>The program's instruments in the text format that Prometheus reads.</summary>
/// <remarks>Any thread. Instruments that are not asked for their value, but tell it, cost the teller a lock and no memory.</remarks>
internal sealed class PrometheusText : IDisposable
{
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    /// <summary>Name of the library's meter.</summary>
    public const string LibraryMeter = nameof(YoloZeroCopy);

    /// <summary>Bounds of histograms, in seconds.</summary>
    public static readonly double[] Bounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

    private readonly Lock writing = new();
    private readonly Lock gate = new();
    private readonly SortedDictionary<string, (Instrument Instrument, List<Series> Series)> families = new(StringComparer.Ordinal);
    private readonly MeterListener listener = new();

    /// <param name="isShown">Which meters.</param>
    public PrometheusText(Func<Meter, bool> isShown)
    {
        listener.InstrumentPublished = (instrument, listener) =>
        {
            if (isShown(instrument.Meter))
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<int>((instrument, value, tags, _) => Take(instrument, value, tags));
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Take(instrument, value, tags));
        listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Take(instrument, value, tags));
        listener.Start();
    }

    public void Dispose() => listener.Dispose();

    /// <summary>All values as they are now.</summary>
    public string Write()
    {
        // Two at once would each clear what the other asks for.
        lock (writing)
        {
            AskForValues();
            StringBuilder text = new();
            lock (gate)
            {
                foreach ((string name, (Instrument instrument, List<Series> series)) in families)
                {
                    Write(text, name, instrument, series);
                }
            }

            return text.ToString();
        }
    }

    private void AskForValues()
    {
        // What is asked for is asked anew: a camera that is gone is in it no more.
        lock (gate)
        {
            foreach ((Instrument instrument, List<Series> series) in families.Values)
            {
                if (instrument.IsObservable)
                {
                    series.Clear();
                }
            }
        }

        listener.RecordObservableInstruments();
    }

    private static void Write(StringBuilder text, string name, Instrument instrument, List<Series> series)
    {
        if (series.Count == 0)
        {
            return;
        }

        string kind = KindOf(instrument);
        Line(text, $"# HELP {name} {instrument.Description}");
        Line(text, $"# TYPE {name} {kind}");
        foreach (Series one in series)
        {
            string labels = string.Join(",", one.Tags.Select(tag => $"{Name(tag.Key)}=\"{Escape(tag.Value?.ToString() ?? "")}\""));
            if (kind != "histogram")
            {
                Line(text, $"{name}{(labels.Length > 0 ? $"{{{labels}}}" : "")} {one.Value}");
                continue;
            }

            string before = labels.Length > 0 ? labels + "," : "";
            long below = 0;
            for (int i = 0; i < Bounds.Length; i++)
            {
                below += one.Buckets[i];
                Line(text, $"{name}_bucket{{{before}le=\"{Bounds[i]}\"}} {below}");
            }

            Line(text, $"{name}_bucket{{{before}le=\"+Inf\"}} {below + one.Buckets[^1]}");
            Line(text, $"{name}_sum{(labels.Length > 0 ? $"{{{labels}}}" : "")} {one.Value}");
            Line(text, $"{name}_count{(labels.Length > 0 ? $"{{{labels}}}" : "")} {below + one.Buckets[^1]}");
        }
    }

    private static void Line(StringBuilder text, FormattableString line) => text.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');

    private static string Name(string name) => string.Concat(name.Select(letter => char.IsAsciiLetterOrDigit(letter) ? letter : '_'));

    private static string Escape(string value) => value
        .Replace("\\", "\\\\", StringComparison.Ordinal)
        .Replace("\"", "\\\"", StringComparison.Ordinal)
        .Replace("\n", "\\n", StringComparison.Ordinal);

    private static string KindOf(Instrument instrument)
    {
        string type = instrument.GetType().Name;
        return type.StartsWith("Histogram", StringComparison.Ordinal) ? "histogram"
            : type.StartsWith("Counter", StringComparison.Ordinal) || type.StartsWith("ObservableCounter", StringComparison.Ordinal) ? "counter"
            : "gauge";
    }

    // As a collector of OpenTelemetry names metrics for Prometheus, so that one dashboard is for both ways.
    private static string SuffixOf(string? unit) => unit switch
    {
        "s" => "_seconds",
        "By" => "_bytes",
        not null when unit.EndsWith("/s", StringComparison.Ordinal) => "_per_second",
        _ => "",
    };

    private void Take(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        lock (gate)
        {
            Series series = Find(instrument, tags);
            if (series.Buckets.Length > 0)
            {
                int bucket = Bounds.AsSpan().BinarySearch(value);
                series.Buckets[bucket < 0 ? ~bucket : bucket]++;
            }

            series.Value = instrument.IsObservable ? value : series.Value + value;
        }
    }

    private Series Find(Instrument instrument, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        List<Series> all = FamilyOf(instrument);
        foreach (Series one in all)
        {
            if (AreSame(one.Tags, tags))
            {
                return one;
            }
        }

        Series added = new(tags.ToArray(), KindOf(instrument) == "histogram" ? new long[Bounds.Length + 1] : []);
        all.Add(added);
        return added;
    }

    private static bool AreSame(ReadOnlySpan<KeyValuePair<string, object?>> one, ReadOnlySpan<KeyValuePair<string, object?>> other)
    {
        if (one.Length != other.Length)
        {
            return false;
        }

        for (int i = 0; i < one.Length; i++)
        {
            if (one[i].Key != other[i].Key || !Equals(one[i].Value, other[i].Value))
            {
                return false;
            }
        }

        return true;
    }

    // Found without making the name again: it is once for each instrument.
    private List<Series> FamilyOf(Instrument instrument)
    {
        foreach ((Instrument known, List<Series> series) in families.Values)
        {
            if (ReferenceEquals(known, instrument))
            {
                return series;
            }
        }

        string suffix = SuffixOf(instrument.Unit) + (KindOf(instrument) == "counter" ? "_total" : "");
        List<Series> added = [];
        families[Name(instrument.Name) + suffix] = (instrument, added);
        return added;
    }

    private sealed class Series(KeyValuePair<string, object?>[] tags, long[] buckets)
    {
        public KeyValuePair<string, object?>[] Tags { get; } = tags;

        public long[] Buckets { get; } = buckets;

        public double Value { get; set; }
    }
}
