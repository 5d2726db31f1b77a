using System.Globalization;
using System.Text.Json;

namespace YoloZeroCopy.Results;

/// <summary>The figures in what <c>yzc bench --json</c> gives, named by their path in it: <c>latency_us.p50</c>.</summary>
internal static class BenchFigures
{
    // Objects of a list are named by one of these members, not by their place.
    private static readonly string[] Keys = ["streams", "name"];

    // Those of frames by what frames they are.
    private static readonly string[] FrameKeys = ["width", "height", "format", "mode"];

    public static OrderedDictionary<string, Figure> Read(JsonElement root)
    {
        if (!root.TryGetProperty("end_to_end_fps", out _))
        {
            throw new ResultException("neither a suite's nor one of `yzc bench --json`");
        }

        OrderedDictionary<string, Figure> all = new(StringComparer.Ordinal);
        foreach (JsonProperty member in root.EnumerateObject())
        {
            if (member.Name is not ("machine" or "arguments" or "slices"))
            {
                Add(all, member.Name, member.Value);
            }
        }

        if (root.TryGetProperty("slices", out JsonElement slices))
        {
            foreach (JsonProperty rate in slices.EnumerateObject())
            {
                double[] values = [.. rate.Value.EnumerateArray().Select(static value => value.GetDouble())];
                all[rate.Name] = all[rate.Name] with { Deviation = Deviation(values) };
            }
        }

        return all;
    }

    /// <summary>Standard deviation of a sample.</summary>
    public static double Deviation(IReadOnlyCollection<double> values)
    {
        if (values.Count < 2)
        {
            return 0;
        }

        double mean = values.Average();
        return Math.Sqrt(values.Sum(value => (value - mean) * (value - mean)) / (values.Count - 1));
    }

    /// <summary>Which way a figure of this path gets better, by the units in its name.</summary>
    public static Better BetterOf(string path)
    {
        string[] words = path.Split('.', '_', ' ');
        bool Has(string word) => words.Contains(word, StringComparer.Ordinal);
        return Has("fps") || Has("gb") ? Better.Higher
            : Has("us") || Has("drops") || Has("copies") || (Has("bytes") && Has("frame")) ? Better.Lower
            : Better.Neither;
    }

    private static void Add(OrderedDictionary<string, Figure> all, string path, JsonElement value)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Number:
                all[path] = new Figure(value.GetDouble(), "", BetterOf(path));
                break;
            case JsonValueKind.Object:
                foreach (JsonProperty member in value.EnumerateObject())
                {
                    Add(all, $"{path}.{member.Name}", member.Value);
                }

                break;
            case JsonValueKind.Array:
                int place = 0;
                foreach (JsonElement item in value.EnumerateArray())
                {
                    Add(all, $"{path}.{KeyOf(item) ?? place.ToString(CultureInfo.InvariantCulture)}", item);
                    place++;
                }

                break;
        }
    }

    private static string? KeyOf(JsonElement item)
    {
        if (item.ValueKind != JsonValueKind.Object)
        {
            return null;
        }

        foreach (string key in Keys)
        {
            if (item.TryGetProperty(key, out JsonElement value))
            {
                return value.ToString();
            }
        }

        string[] frame =
        [
            .. FrameKeys.Select(key => item.TryGetProperty(key, out JsonElement value) ? value.ToString() : "").Where(static one => one.Length > 0),
        ];
        return frame.Length > 0 ? string.Join(' ', frame) : null;
    }
}
