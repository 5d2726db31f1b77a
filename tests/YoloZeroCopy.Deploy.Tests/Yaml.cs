using System.Globalization;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;
using YamlDotNet.Serialization;

namespace YoloZeroCopy.Deploy.Tests;

/// <summary>A part of a YAML file: a map, a list or a text, or nothing where the file has none.</summary>
internal sealed class Yaml(object? value, string path)
{
    private static readonly IDeserializer Deserializer = new DeserializerBuilder().Build();

    public bool IsThere => value is not null;

    public string Text => value as string ?? throw new InvalidDataException($"{path} is no text");

    public int Number => int.Parse(Text, CultureInfo.InvariantCulture);

    public IReadOnlyList<Yaml> List => value is null ? [] : [.. ((List<object?>)value).Select((one, index) => new Yaml(one, $"{path}[{index}]"))];

    public IReadOnlyList<string> Texts => [.. List.Select(static one => one.Text)];

    public IReadOnlyDictionary<string, Yaml> Map => value is null
        ? new Dictionary<string, Yaml>()
        : ((Dictionary<object, object?>)value).ToDictionary(static pair => (string)pair.Key, pair => new Yaml(pair.Value, $"{path}.{pair.Key}"));

    /// <summary>What a path of keys leads to; nothing where one of them is not there.</summary>
    public Yaml this[params ReadOnlySpan<string> keys]
    {
        get
        {
            Yaml at = this;
            foreach (string key in keys)
            {
                at = at.Map.TryGetValue(key, out Yaml? next) ? next : new Yaml(null, $"{path}.{key}");
            }

            return at;
        }
    }

    /// <summary>All documents of a file.</summary>
    public static IReadOnlyList<Yaml> Read(string file)
    {
        using StreamReader reader = new(file);
        MergingParser parser = new(new Parser(reader));
        List<Yaml> documents = [];
        _ = parser.Consume<StreamStart>();
        while (parser.Accept<DocumentStart>(out _))
        {
            documents.Add(new Yaml(Deserializer.Deserialize<object>(parser), $"{Path.GetFileName(file)}#{documents.Count}"));
        }

        return documents;
    }

    public override string ToString() => path;
}
