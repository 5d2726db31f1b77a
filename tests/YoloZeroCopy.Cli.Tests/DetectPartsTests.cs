using System.Text.Json;

namespace YoloZeroCopy.Cli.Tests;

public sealed class DetectPartsTests : IDisposable
{
    private readonly TestInputs inputs = new();

    public void Dispose() => inputs.Dispose();

    [Fact]
    public void A_line_is_the_documented_object()
    {
        string file = inputs.File("out.jsonl");
        using (LineWriter lines = LineWriter.Open(file))
        {
            JsonLines json = new(lines, ["nut", "b\"olt\n", "tri"]);
            json.Write("größe 0.jpg", 7, 1920, 1080,
                [new Detection(2, 0.938149f, 0, 1.23456f, 1919.9996f, 1e-7f), new Detection(1, 1, 1, 2, 3, 4), new Detection(9, 0.25f, 1, 2, 3, 4)]);
            json.Write("1.jpg", 0, 1, 1, []);
            lines.Complete();
        }

        string[] written = File.ReadAllLines(file);
        Assert.Equal(
            "{\"source\":\"größe "
                + "0.jpg\",\"frame\":7,\"width\":1920,\"height\":1080,\"detections\":[{\"class\":2,\"name\":\"tri\",\"score\":0.93815,\"box\":[0,1.235,1920,0]}"
            + ",{\"class\":1,\"name\":\"b\\\"olt\\n\",\"score\":1,\"box\":[1,2,3,4]},{\"class\":9,\"name\":\"class9\",\"score\":0.25,\"box\":[1,2,3,4]}]}",
            written[0]);
        Assert.Equal("{\"source\":\"1.jpg\",\"frame\":0,\"width\":1,\"height\":1,\"detections\":[]}", written[1]);
        Assert.Equal(2, written.Length);
        using JsonDocument parsed = JsonDocument.Parse(written[0]);
        Assert.Equal("b\"olt\n", parsed.RootElement.GetProperty("detections")[1].GetProperty("name").GetString());
    }

    [Fact]
    public void Inputs_are_read_in_the_order_given_and_folders_by_ordinal_name()
    {
        string folder = inputs.Folder("folder");
        foreach (string name in (string[])["b.jpg", "B.PNG", "10.jpg", "9.jpeg", "clip.mp4", "notes.txt", "a.jpg", "c.webp", "d.bmp"])
        {
            inputs.Text($"folder/{name}", "x");
        }

        string single = inputs.Text("z.jpg", "x");
        List<string> failures = [];
        List<InputItem> items = InputList.Expand([single, folder, inputs.File("missing.jpg")], failures.Add);
        Assert.Equal(
            ["z.jpg", "10.jpg", "9.jpeg", "B.PNG", "a.jpg", "b.jpg", "c.webp", "clip.mp4", "d.bmp"], items.Select(static item => item.Source));
        Assert.All(items, static item => Assert.Equal(item.Source == "clip.mp4" ? InputKind.Video : InputKind.Picture, item.Kind));
        string failure = Assert.Single(failures);
        Assert.Contains("missing.jpg", failure, StringComparison.Ordinal);
    }

    [Fact]
    public void A_shared_name_is_told_apart_by_the_path_as_given()
    {
        string one = Path.GetDirectoryName(inputs.Text($"{Path.GetFileName(inputs.Folder("one"))}/0.jpg", "x"))!;
        string two = Path.GetDirectoryName(inputs.Text($"{Path.GetFileName(inputs.Folder("two"))}/0.jpg", "x"))!;
        inputs.Text("two/1.jpg", "x");
        List<InputItem> items = InputList.Expand([one, two], static failure => Assert.Fail(failure));
        Assert.Equal([Path.Combine(one, "0.jpg"), Path.Combine(two, "0.jpg"), "1.jpg"], items.Select(static item => item.Source));
        string[] planned = [Path.Combine("out", "0.jpg"), Path.Combine("out", "0-2.jpg"), Path.Combine("out", "1.jpg")];
        Assert.Equal(planned, AnnotatedOutput.PlanFiles("out", items).Select(static item => item.Output));
    }

    [Fact]
    public void A_file_named_like_neither_is_a_picture_when_it_begins_like_one()
    {
        string renamed = inputs.File("picture.dat");
        File.Move(inputs.Picture("a.png"), renamed);
        string web = inputs.Text("web.dat", "RIFF\x1A\0\0\0WEBPVP8L");
        List<string> failures = [];
        List<InputItem> items =
            InputList.Expand([renamed, web, inputs.Text("other.dat", "text"), inputs.Text("wave.dat", "RIFF\x1A\0\0\0WAVEfmt ")], failures.Add);
        Assert.Equal([(renamed, InputKind.Picture), (web, InputKind.Picture)], items.Select(static item => (item.Path, item.Kind)));
        Assert.Equal(2, failures.Count);
        Assert.Contains("other.dat", failures[0], StringComparison.Ordinal);
    }

    [Fact]
    public void Errors_have_their_codes()
    {
        Assert.Equal(ExitCode.Unexpected, ErrorReport.Describe(new InvalidOperationException("x")).Code);
        Assert.Equal(ExitCode.ModelUnusable, ErrorReport.Describe(new ModelException("m", "x")).Code);
        Assert.Equal(ExitCode.ModelUnusable, ErrorReport.Describe(new NativeLibraryException("m", "x")).Code);
        Assert.Equal(ExitCode.InputFailed, ErrorReport.Describe(new MediaException("m", "x")).Code);
        Assert.Equal("one: two; three", ErrorReport.OneLine(" one:\r\n   two\nthree\n"));
        Assert.Equal("bad", ErrorReport.MessageOf(new ArgumentOutOfRangeException("name", 3, "bad")));
    }

    [Fact]
    public void The_processor_is_found_in_cpuinfo()
    {
        Assert.Equal("A CPU @ 2 GHz", MachineDescription.ProcessorNameIn(["processor : 0", "model name\t: A CPU @ 2 GHz", "model name\t: other"]));
        Assert.Null(MachineDescription.ProcessorNameIn(["BogoMIPS : 50"]));
    }
}
