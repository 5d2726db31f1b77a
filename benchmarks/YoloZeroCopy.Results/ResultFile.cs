using System.Text.Encodings.Web;
using System.Text.Json;

namespace YoloZeroCopy.Results;

/// <summary>A file of figures: of a suite (<see cref="Write"/>), or what <c>yzc bench --json</c> gives.</summary>
/// <param name="Name">Its name without folder and ending.</param>
/// <param name="Machine">What it was measured on.</param>
/// <param name="Figures">Its figures by name, in the order of the file.</param>
internal sealed record ResultFile(string Name, Machine Machine, OrderedDictionary<string, Figure> Figures)
{
    private static readonly JsonWriterOptions Form = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, NewLine = "\n" };

    /// <summary>Reads a file.</summary>
    /// <exception cref="ResultException">It is no result file.</exception>
    public static ResultFile Read(string path)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(path));
            JsonElement root = document.RootElement;
            return new ResultFile(
                Path.GetFileNameWithoutExtension(path),
                Machine.Read(root),
                root.TryGetProperty("figures", out JsonElement figures) ? OfSuite(figures) : BenchFigures.Read(root));
        }
        catch (Exception error) when (
            error is JsonException or KeyNotFoundException or InvalidOperationException or FormatException or ResultException)
        {
            throw new ResultException($"{path} is no result file: {error.Message}");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new ResultException($"{path} cannot be read: {error.Message}");
        }
    }

    /// <summary>Writes a suite's file: whole, or not at all.</summary>
    public void Write(string path)
    {
        string unfinished = path + ".unfinished";
        using (FileStream stream = File.Create(unfinished))
        using (Utf8JsonWriter json = new(stream, Form))
        {
            json.WriteStartObject();
            json.WriteString("suite", Name);
            Machine.Write(json);
            json.WriteStartObject("figures");
            foreach ((string name, Figure figure) in Figures)
            {
                json.WriteStartObject(name);
                json.WriteNumber("value", Round(figure.Value));
                json.WriteString("unit", figure.Unit);
                json.WriteString("better", figure.Better.ToString().ToLowerInvariant());
                if (figure.Deviation is double deviation)
                {
                    json.WriteNumber("deviation", Round(deviation));
                }

                json.WriteEndObject();
            }

            json.WriteEndObject();
            json.WriteEndObject();
            json.Flush();
            stream.WriteByte((byte)'\n');
        }

        File.Move(unfinished, path, overwrite: true);
    }

    private static OrderedDictionary<string, Figure> OfSuite(JsonElement figures)
    {
        OrderedDictionary<string, Figure> all = new(StringComparer.Ordinal);
        foreach (JsonProperty figure in figures.EnumerateObject())
        {
            JsonElement one = figure.Value;
            all[figure.Name] = new Figure(
                one.GetProperty("value").GetDouble(),
                one.GetProperty("unit").GetString() ?? "",
                Enum.TryParse(one.GetProperty("better").GetString(), ignoreCase: true, out Better better)
                    ? better
                    : throw new ResultException($"'{figure.Name}' gets better neither lower nor higher"),
                one.TryGetProperty("deviation", out JsonElement deviation) ? deviation.GetDouble() : null);
        }

        return all;
    }

    // Five digits: more is noise, and makes files that nobody reads.
    private static double Round(double value) =>
        value == 0 || !double.IsFinite(value) ? 0 : Math.Round(value, Math.Clamp(4 - (int)Math.Floor(Math.Log10(Math.Abs(value))), 0, 15));
}
