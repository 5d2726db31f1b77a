using System.Text.Json;

namespace YoloZeroCopy;

/// <summary>Writes a value of an ONNX file's metadata, which is the text of a Python literal, as JSON.</summary>
internal static class MetadataJson
{
    /// <summary>Writes the value; a text that is no literal is written as itself.</summary>
    public static void Write(Utf8JsonWriter json, string text)
    {
        // Only what is nested or a flag is worth its type: a version such as 8.3 stays the text it is.
        if (PythonLiteral.TryParse(text, out object? value) && value is PythonLiteral.Dict or List<object?> or bool or long)
        {
            Write(json, value);
        }
        else
        {
            json.WriteStringValue(text);
        }
    }

    private static void Write(Utf8JsonWriter json, object? value)
    {
        switch (value)
        {
            case PythonLiteral.Dict dict:
                json.WriteStartObject();

                // JSON has no two members of a name; the last one counts, as in Python.
                foreach ((string key, object? item) in dict.Select(static entry => (KeyOf(entry.Key), entry.Value)).DistinctByLast())
                {
                    json.WritePropertyName(key);
                    Write(json, item);
                }

                json.WriteEndObject();
                break;
            case List<object?> list:
                json.WriteStartArray();
                foreach (object? item in list)
                {
                    Write(json, item);
                }

                json.WriteEndArray();
                break;
            case bool flag:
                json.WriteBooleanValue(flag);
                break;
            case long number:
                json.WriteNumberValue(number);
                break;
            case double number when double.IsFinite(number):
                json.WriteNumberValue(number);
                break;
            case string text:
                json.WriteStringValue(text);
                break;
            default:
                json.WriteNullValue();
                break;
        }
    }

    private static string KeyOf(object? key) => Convert.ToString(key, System.Globalization.CultureInfo.InvariantCulture) ?? string.Empty;

    private static IEnumerable<(string Key, object? Value)> DistinctByLast(this IEnumerable<(string Key, object? Value)> entries) =>
        entries.Reverse().DistinctBy(static entry => entry.Key).Reverse();
}
