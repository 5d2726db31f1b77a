using System.Globalization;
using System.Text.Json;

namespace MultiCamera.Tests.Web;

/// <summary>Settings for the program's tests.</summary>
internal static class TestSettings
{
    /// <summary>Where the line is, as a part of the picture's width.</summary>
    public const double Middle = 0.5;

    /// <summary>A line that no defective part crosses in the first five seconds of the slow clip, when cameras are not all there yet.</summary>
    public const double Late = 0.625;

    private const int Width = 1280;

    public static string Of(params string[] cameras) => With(null, cameras);

    /// <param name="more">More fields of the site; null for none.</param>
    /// <param name="cameras">The cameras.</param>
    public static string With(string? more, params string[] cameras) => WithInput(640, 384, more, cameras);

    /// <summary>With a small input, which finds the same in a third of the time, and few pictures: for tests of much at once.</summary>
    public static string Light(string? more, params string[] cameras) =>
        WithInput(448, 256, (more is null ? "" : more + ", ") + """ "pictures": { "rate": 1, "width": 320 }""", cameras);

    /// <summary>With an input in which little is found, so that a busy machine looks at every frame, and hardly a picture: for tests of times
    /// alone.</summary>
    public static string Lightest(params string[] cameras) =>
        WithInput(224, 128, """ "pictures": { "rate": 0.1, "width": 320 }""", cameras);

    private static string WithInput(int width, int height, string? more, string[] cameras) =>
        $$"""
        {
          {{more}}{{(more is null ? "" : ",")}}
          "listen": "http://127.0.0.1:0",
          "model": {
            "path": {{Quoted(SiteProcess.Model)}}, "device": "cpu", "input": [{{width}}, {{height}}], "oneClassPerPlace": true, "maxBatch": 2
          },
          "cameras": [
            {{string.Join(",\n    ", cameras)}}
          ]
        }
        """;

    /// <summary>The clip of the belt, with an alarm for each defective part that crosses its middle.</summary>
    /// <param name="name">Of the camera.</param>
    /// <param name="repeat">The clip begins again when it ends.</param>
    /// <param name="everyFrame">As fast as the detector takes it.</param>
    /// <param name="decoding">Who decodes.</param>
    /// <param name="source">Where the clip comes from; null: its file.</param>
    /// <param name="line">Where the line is.</param>
    /// <param name="maxAge">Seconds after which a frame is not looked at any more; null: never.</param>
    public static string Belt(
        string name, bool repeat = false, bool everyFrame = false, string decoding = "cpu", string? source = null, double line = Middle,
        double? maxAge = null) =>
        $$"""
        {
              "name": "{{name}}", "source": {{Quoted(source ?? SiteProcess.Clip)}},
              "repeat": {{(repeat ? "true" : "false")}}, "everyFrame": {{(everyFrame ? "true" : "false")}}, "decoding": "{{decoding}}",
              "maxAgeSeconds": {{(maxAge is double age ? Number(age) : "null")}},
              "lines": [ { "name": "middle", "from": [{{Number(line)}}, 1], "to": [{{Number(line)}}, 0] } ],
              "rules": [ { "name": "defect", "kind": "crossing", "line": "middle", "direction": "leftToRight",
                "classes": {{JsonSerializer.Serialize(Defects())}} } ]
            }
        """;

    /// <summary>The outlet to a broker on this machine.</summary>
    public static string Mqtt(int port, string queueFile = "queue.db") =>
        $$""" "mqtt": { "host": "127.0.0.1", "port": {{port}}, "topic": "site", "queueFile": {{Quoted(queueFile)}} }""";

    public static JsonElement CameraOf(JsonElement status, string name) =>
        status.GetProperty("cameras").EnumerateArray().First(camera => camera.GetProperty("name").GetString() == name);

    public static JsonElement OutletOf(JsonElement status, string name) =>
        status.GetProperty("outlets").EnumerateArray().First(outlet => outlet.GetProperty("name").GetString() == name);

    /// <summary>Alarms that all cameras have raised.</summary>
    public static long Alarms(JsonElement status) =>
        status.GetProperty("cameras").EnumerateArray().Sum(camera => camera.GetProperty("alarms").GetInt64());

    /// <summary>Classes of the defective parts whose middle crosses a line, in order of the alphabet.</summary>
    public static string[] DefectiveCrossings(double line = Middle)
    {
        float lineX = (float)(line * Width);
        Dictionary<int, float> before = [];
        Dictionary<int, string> crossed = [];
        Dictionary<int, string> classes = [];
        foreach (JsonElement part in Parts())
        {
            int track = part.GetProperty("track").GetInt32();
            JsonElement box = part.GetProperty("box");
            float x = (box[0].GetSingle() + box[2].GetSingle()) / 2;
            classes[track] = part.GetProperty("name").GetString()!;
            if (before.TryGetValue(track, out float last) && last < lineX && x >= lineX && part.GetProperty("defect").GetBoolean())
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

    private static string Number(double value) => value.ToString(CultureInfo.InvariantCulture);

    private static string Quoted(string text) => JsonSerializer.Serialize(text);
}
