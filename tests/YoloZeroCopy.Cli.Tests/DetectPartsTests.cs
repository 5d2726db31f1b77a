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
            json.Write("größe 0.jpg", 7, TimeSpan.FromMilliseconds(233.3334), 1920, 1080,
                [new Detection(2, 0.938149f, 0, 1.23456f, 1919.9996f, 1e-7f), new Detection(1, 1, 1, 2, 3, 4), new Detection(9, 0.25f, 1, 2, 3, 4)]);
            json.Write("1.jpg", 0, time: null, 1, 1, []);
            json.WriteFailure("2.jpg", 0, time: null, "'2.jpg': no \"picture\"");
            json.WriteFailure("c.mp4", 3, TimeSpan.FromSeconds(0.12), "broken");
            lines.Complete();
        }

        string[] written = File.ReadAllLines(file);
        Assert.Equal(
            "{\"source\":\"größe "
                + "0.jpg\",\"frame\":7,\"time\":0.233333,\"width\":1920,\"height\":1080,\"detections\":["
                + "{\"class\":2,\"name\":\"tri\",\"score\":0.93815,\"box\":[0,1.235,1920,0]},"
                + "{\"class\":1,\"name\":\"b\\\"olt\\n\",\"score\":1,\"box\":[1,2,3,4]},"
                + "{\"class\":9,\"name\":\"class9\",\"score\":0.25,\"box\":[1,2,3,4]}]}",
            written[0]);
        Assert.Equal("{\"source\":\"1.jpg\",\"frame\":0,\"width\":1,\"height\":1,\"detections\":[]}", written[1]);
        Assert.Equal("{\"source\":\"2.jpg\",\"frame\":0,\"error\":\"'2.jpg': no \\\"picture\\\"\"}", written[2]);
        Assert.Equal("{\"source\":\"c.mp4\",\"frame\":3,\"time\":0.12,\"error\":\"broken\"}", written[3]);
        Assert.Equal(4, written.Length);
        using JsonDocument parsed = JsonDocument.Parse(written[0]);
        Assert.Equal("b\"olt\n", parsed.RootElement.GetProperty("detections")[1].GetProperty("name").GetString());
    }

    [Fact]
    public void Errors_have_their_codes()
    {
        Assert.Equal(ExitCode.Unexpected, ErrorReport.Describe(new InvalidOperationException("x")).Code);
        Assert.Equal(ExitCode.ModelUnusable, ErrorReport.Describe(new ModelException("m", "x")).Code);
        Assert.Equal((ExitCode.ModelUnusable, "m: x", null), ErrorReport.Describe(new NativeLibraryException("m", "x")));
        (int code, _, string? hint) = ErrorReport.Describe(new NativeLibraryException("ONNX Runtime", "it cannot use CUDA device 0"));
        Assert.Equal(ExitCode.ModelUnusable, code);
        Assert.Contains("--device cpu", hint, StringComparison.Ordinal);
        Assert.Equal(ExitCode.InputFailed, ErrorReport.Describe(new MediaException("m", "x")).Code);
        Assert.Equal("one: two; three", ErrorReport.OneLine(" one:\r\n   two\nthree\n"));
        Assert.Equal("bad", ErrorReport.MessageOf(new ArgumentOutOfRangeException("name", 3, "bad")));
    }

    [Fact]
    public void The_processor_is_found_in_cpuinfo()
    {
        Assert.Equal("A CPU @ 2 GHz", HostMachine.ProcessorNameIn(["processor : 0", "model name\t: A CPU @ 2 GHz", "model name\t: other"]));
        Assert.Null(HostMachine.ProcessorNameIn(["BogoMIPS : 50"]));
    }
}
