using System.Text.Json;

namespace MultiCamera.Settings;

/// <summary>Knows at which line of a JSON text each value stands, such as cameras[2].zones[0].points.</summary>
internal sealed class JsonLines
{
    private readonly Dictionary<string, int> lines = new(StringComparer.OrdinalIgnoreCase);

    /// <exception cref="JsonException">The text is not JSON.</exception>
    public JsonLines(ReadOnlySpan<byte> text)
    {
        Utf8JsonReader reader = new(text, SettingsFile.ReaderOptions);
        Stack<(string Path, int Index)> parents = new();
        string path = "";
        int line = 1;
        int seen = 0;
        while (reader.Read())
        {
            line += text[seen..(int)reader.TokenStartIndex].Count((byte)'\n');
            seen = (int)reader.TokenStartIndex;
            if (reader.TokenType is JsonTokenType.EndObject or JsonTokenType.EndArray)
            {
                _ = parents.Pop();
                continue;
            }

            if (reader.TokenType == JsonTokenType.PropertyName)
            {
                string name = reader.GetString()!;
                path = parents.Peek().Path.Length == 0 ? name : $"{parents.Peek().Path}.{name}";
                lines[path] = line;
                continue;
            }

            // A value of a list has the next number; that of a field has the path that its name gave.
            if (parents.TryPeek(out (string Path, int Index) parent) && parent.Index >= 0)
            {
                path = $"{parent.Path}[{parent.Index}]";
                lines[path] = line;
                _ = parents.Pop();
                parents.Push((parent.Path, parent.Index + 1));
            }

            if (reader.TokenType is JsonTokenType.StartObject or JsonTokenType.StartArray)
            {
                parents.Push((path, reader.TokenType == JsonTokenType.StartArray ? 0 : -1));
            }
        }
    }

    /// <summary>The line of a field, from 1; of one that is missing, that of what it is missing from.</summary>
    public int Of(string field)
    {
        for (string path = field; path.Length > 0; path = path[..Math.Max(0, path.LastIndexOfAny(['.', '[']))])
        {
            if (lines.TryGetValue(path, out int line))
            {
                return line;
            }
        }

        return 1;
    }
}
