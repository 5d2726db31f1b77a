using System.Text.Json;

namespace MultiCamera.Tests.Web;

/// <summary>Settings for the program's tests.</summary>
internal static class TestSettings
{
    private const int LineX = 640;

    public static string Of(params string[] cameras) => With(null, cameras);

    /// <param name="more">More fields of the site; null for none.</param>
    /// <param name="cameras">The cameras.</param>
    public static string With(string? more, params string[] cameras) =>
        $$"""
        {
          {{more}}{{(more is null ? "" : ",")}}
          "listen": "http://127.0.0.1:0",
          "model": { "path": {{Quoted(SiteProcess.Model)}}, "device": "cpu", "input": [640, 384], "oneClassPerPlace": true, "maxBatch": 2 },
          "cameras": [
            {{string.Join(",\n    ", cameras)}}
          ]
        }
        """;

    /// <summary>The clip of the belt, with an alarm for each defective part that crosses its middle.</summary>
    public static string Belt(string name, bool repeat = false, bool everyFrame = false, string decoding = "cpu") =>
        $$"""
        {
              "name": "{{name}}", "source": {{Quoted(SiteProcess.Clip)}},
              "repeat": {{(repeat ? "true" : "false")}}, "everyFrame": {{(everyFrame ? "true" : "false")}}, "decoding": "{{decoding}}",
              "lines": [ { "name": "middle", "from": [0.5, 1], "to": [0.5, 0] } ],
              "rules": [ { "name": "defect", "kind": "crossing", "line": "middle", "direction": "leftToRight",
                "classes": {{JsonSerializer.Serialize(Defects())}} } ]
            }
        """;

    public static JsonElement CameraOf(JsonElement status, string name) =>
        status.GetProperty("cameras").EnumerateArray().First(camera => camera.GetProperty("name").GetString() == name);

    /// <summary>Classes of the defective parts whose middle crosses the line, in order of the alphabet.</summary>
    public static string[] DefectiveCrossings()
    {
        Dictionary<int, float> before = [];
        Dictionary<int, string> crossed = [];
        Dictionary<int, string> classes = [];
        foreach (JsonElement part in Parts())
        {
            int track = part.GetProperty("track").GetInt32();
            JsonElement box = part.GetProperty("box");
            float x = (box[0].GetSingle() + box[2].GetSingle()) / 2;
            classes[track] = part.GetProperty("name").GetString()!;
            if (before.TryGetValue(track, out float last) && last < LineX && x >= LineX && part.GetProperty("defect").GetBoolean())
            {
                crossed.Add(track, classes[track]);
            }

            before[track] = x;
        }

        return [.. crossed.Values.Order()];
    }

    private static string[] Defects() =>
        [.. Parts().Where(part => part.GetProperty("defect").GetBoolean()).Select(part => part.GetProperty("name").GetString()!).Distinct()];

    private static IEnumerable<JsonElement> Parts() => File.ReadLines(Path.Combine(AppContext.BaseDirectory, "conveyor.truth.jsonl"))
        .SelectMany(line => JsonDocument.Parse(line).RootElement.GetProperty("objects").EnumerateArray());

    private static string Quoted(string text) => JsonSerializer.Serialize(text);
}
