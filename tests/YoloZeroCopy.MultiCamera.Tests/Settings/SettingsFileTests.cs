using MultiCamera.Alarms;
using MultiCamera.Settings;
using YoloZeroCopy;

namespace MultiCamera.Tests.Settings;

public sealed class SettingsFileTests : IDisposable
{
    private readonly TempFolder folder = new();

    public SettingsFileTests() => File.WriteAllText(folder.File("model.onnx"), "");

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_whole_file_is_read_and_paths_are_from_its_folder_on()
    {
        SiteSettings site = Read(
            """
            {
              // A comment.
              "model": { "path": "model.onnx", "input": [640, 384], "decoders": ["16 mjpeg 1920x1080"] },
              "cameras": [
                {
                  "name": "gate", "source": "gate.mp4", "anchor": "bottom",
                  "zones": [ { "name": "door", "points": [[0, 0], [0.5, 0], [0.5, 1]] } ],
                  "lines": [ { "name": "exit", "from": [0.5, 1], "to": [0.5, 0] } ],
                  "rules": [
                    { "name": "waits", "kind": "dwell", "zone": "door", "classes": ["person"], "seconds": 5 },
                    { "name": "crowd", "kind": "count", "zone": "door", "over": 3 },
                    { "name": "leaves", "kind": "crossing", "line": "exit", "direction": "leftToRight" },
                  ],
                },
                { "name": "yard", "source": "rtsp://user:word@10.0.0.7/1" },
              ],
            }
            """).Site;
        Assert.Equal(folder.File("model.onnx"), site.Model.Path);
        Assert.Equal([ExpectedDecoders.Parse("16 mjpeg 1920x1080")], site.Model.ToOptions().ExpectedDecoders);
        Assert.Equal([640, 384], site.Model.Input!);
        CameraSettings gate = site.Cameras[0];
        Assert.Equal(folder.File("gate.mp4"), gate.Source);
        Assert.Equal(Anchor.Bottom, gate.Anchor);
        Assert.Equal(new Place(0.5f, 0), gate.Zones[0].Points[1]);
        Assert.Equal(AlarmKind.Dwell, gate.Rules[0].Kind);
        Assert.Equal(5, gate.Rules[0].Seconds);
        Assert.Equal(3, gate.Rules[1].Over);
        Assert.Equal(Direction.LeftToRight, gate.Rules[2].Direction);
        Assert.Equal("rtsp://user:word@10.0.0.7/1", site.Cameras[1].Source);
    }

    // Each names the line that the mistake is on. Written with other quotes, and A for what every camera has.
    [Theory]
    [InlineData("'cameras': [ { A, 'zonez': [] } ]", 3, "zonez")]
    [InlineData("'cameras': [ { A, 'source': 'y' } ]", 3, "source")]
    [InlineData("'cameras': [ { 'name': 'a', 'source': 7 } ]", 3, "cameras[0].source")]
    [InlineData("'cameras': [ { 'name': 'a', 'source': null } ]", 3, "source")]
    [InlineData("'cameras': [ { 'name': 'a/b', 'source': 'x' } ]", 3, "cameras[0].name is 'a/b'")]
    [InlineData("'cameras': [ { 'source': 'x' } ]", 3, "cameras[0].name is missing")]
    [InlineData("'cameras': [ { 'name': 'a' } ]", 3, "cameras[0].source is missing")]
    [InlineData("'cameras': [ { A },\n{ 'name': 'A', 'source': 'x' } ]", 4, "cameras[1].name is 'A', as that of another")]
    [InlineData("'cameras': []", 3, "cameras is empty")]
    [InlineData("'listen': 'http://0.0.0.0:80', 'cameras': [ { A } ]", 3, "that needs a tokenFile")]
    [InlineData("'listen': '8080', 'cameras': [ { A } ]", 3, "listen is '8080'")]
    [InlineData("'cameras': [ { 'name': 'a', 'source': 'rtsp://x',\n'repeat': true } ]", 4, "cameras[0].repeat is for files")]
    [InlineData("'cameras': [ { A,\n'zones': [ { 'name': 'z',\n'points': [[0,0],[1,1]] } ] } ]", 5, "zones[0].points has 2 points")]
    [InlineData("'cameras': [ { A,\n'zones': [ { 'name': 'z', 'points': [[0,0],\n[1,640],[1,0]] } ] } ]", 5, "points[1] is [1, 640]")]
    [InlineData("'cameras': [ { A,\n'zones': [ { 'name': 'z', 'points': [[0,0],\n[1],[1,0]] } ] } ]", 5, "two numbers")]
    [InlineData("'cameras': [ { A,\n'lines': [ { 'name': 'l',\n'from': [0,0], 'to': [0,0] } ] } ]", 5, "lines[0].to is [0, 0], as from")]
    [InlineData("'cameras': [ { A,\n'rules': [ {\n'name': 'r' } ] } ]", 4, "rules[0].kind is missing")]
    [InlineData("'cameras': [ { A,\n'rules': [\n{ 'name': 'r', 'kind': 'stays' } ] } ]", 5, "rules[0].kind")]
    [InlineData("'cameras': [ { A,\n'rules': [\n{ 'name': 'r', 'kind': 'dwell' } ] } ]", 5, "rules[0].seconds is missing")]
    [InlineData("'cameras': [ { A,\n'rules': [\n{ 'name': 'r', 'kind': 'count', 'over': 1,\n'seconds': 2 } ] } ]", 6, "seconds is for rules")]
    [InlineData("'cameras': [ { A,\n'rules': [\n{ 'name': 'r', 'kind': 'count', 'over': 1,\n'zone': 'no' } ] } ]", 6, "rules[0].zone is 'no'")]
    [InlineData("'cameras': [ { A,\n'rules': [\n{ 'name': 'r', 'kind': 'crossing', 'line': 'no' } ] } ]", 5, "rules[0].line is 'no'")]
    [InlineData("'pictures': { 'rate': 0 }, 'cameras': [ { A } ]", 3, "pictures.rate is 0")]
    [InlineData("'cameras': [ { A } ] ]", 3, "']'")]
    public void A_mistake_is_told_with_its_line_and_field(string rest, int line, string words)
    {
        SettingsException error = Assert.Throws<SettingsException>(
            () => Read($"{{\n'model': {{ 'path': 'model.onnx' }},\n{rest}\n}}".Replace("{ A", "{ 'name': 'a', 'source': 'x'").Replace('\'', '"')));
        Assert.Contains($"site.json, line {line}: ", error.Message, StringComparison.Ordinal);
        Assert.Contains(words, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void All_mistakes_are_told_at_once()
    {
        SettingsException error = Assert.Throws<SettingsException>(() => Read(
            """
            {
              "model": { "path": "none.onnx", "device": "tpu", "decoders": ["16 vp9 1920x1080"] },
              "cameras": [
                { "name": "a", "source": "" }
              ]
            }
            """));
        string[] lines = error.Message.Split(Environment.NewLine);
        Assert.Equal(4, lines.Length);
        Assert.Contains("line 2: model.path is", lines[0], StringComparison.Ordinal);
        Assert.Contains("line 2: model.device is 'tpu'", lines[1], StringComparison.Ordinal);
        Assert.Contains("line 2: model.decoders[0] is '16 vp9 1920x1080'", lines[2], StringComparison.Ordinal);
        Assert.Contains("line 4: cameras[0].source is missing", lines[3], StringComparison.Ordinal);
    }

    [Fact]
    public void A_class_that_the_model_does_not_have_is_told_with_those_it_has()
    {
        SettingsFile file = Read(
            """
            {
              "model": { "path": "model.onnx" },
              "cameras": [
                {
                  "name": "a", "source": "x",
                  "rules": [
                    { "name": "r", "kind": "count", "over": 1, "classes": [
                      "bolt",
                      "nutt" ] } ] } ]
            }
            """);
        file.ThrowIfUnfit(["bolt", "nutt"], hasGpu: false);
        SettingsException error = Assert.Throws<SettingsException>(() => file.ThrowIfUnfit(["bolt", "nut"], hasGpu: false));
        Assert.Contains(
            "line 9: cameras[0].rules[0].classes[1] is 'nutt'; the model's classes are bolt, nut", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_a_camera_gets_of_the_detector_is_read_and_checked()
    {
        SettingsFile file = Read(
            """
            {
              "model": { "path": "model.onnx" },
              "cameras": [
                { "name": "a", "source": "x", "weight": 2.5, "priority": "high", "maxAgeSeconds": 0.2, "deadlineSeconds": 0.015 },
                { "name": "b", "source": "x", "everyFrame": true, "repeat": true },
                { "name": "c", "source": "x",
                  "decoding": "gpu" }
              ]
            }
            """);
        HubSourceOptions a = file.Site.Cameras[0].ToSource();
        Assert.Equal(
            (2.5, SourcePriority.High, OverflowPolicy.DropOldest, TimeSpan.FromMilliseconds(200), true, TimeSpan.FromMilliseconds(15)),
            (a.Weight, a.Priority, a.Overflow, a.MaxFrameAge, a.DropsAgedResults, a.Deadline));
        HubSourceOptions b = file.Site.Cameras[1].ToSource();
        Assert.Equal((OverflowPolicy.Wait, true, false, TimeSpan.Zero), (b.Overflow, b.Repeats, b.DropsAgedResults, b.MaxFrameAge));
        Assert.False(file.Site.Cameras[1].ToVideo().InRealTime);
        file.ThrowIfUnfit([], hasGpu: true);
        SettingsException none = Assert.Throws<SettingsException>(() => file.ThrowIfUnfit([], hasGpu: false));
        Assert.Contains("line 7: cameras[2].decoding is gpu, and the detector runs on the processor", none.Message, StringComparison.Ordinal);

        SettingsException error = Assert.Throws<SettingsException>(() => Read(
            """
            {
              "model": { "path": "model.onnx" },
              "cameras": [
                { "name": "a", "source": "x", "weight": 0,
                  "maxAgeSeconds": 0,
                  "deadlineSeconds": 4000 }
              ]
            }
            """));
        Assert.Contains("line 4: cameras[0].weight is 0; wanted is 0.01 to 1000", error.Message, StringComparison.Ordinal);
        Assert.Contains("line 5: cameras[0].maxAgeSeconds is 0; wanted is 0.001 to 3600", error.Message, StringComparison.Ordinal);
        Assert.Contains("line 6: cameras[0].deadlineSeconds is 4000; wanted is 0.001 to 3600", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_is_not_there_is_told()
    {
        SettingsException error = Assert.Throws<SettingsException>(() => SettingsFile.Read(folder.File("none.json")));
        Assert.Contains("none.json", error.Message, StringComparison.Ordinal);
    }

    private SettingsFile Read(string text)
    {
        File.WriteAllText(folder.File("site.json"), text);
        return SettingsFile.Read(folder.File("site.json"));
    }
}
