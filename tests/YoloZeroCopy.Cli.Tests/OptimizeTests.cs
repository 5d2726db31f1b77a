using System.Text.Json;

namespace YoloZeroCopy.Cli.Tests;

/// <summary><c>yzc optimize</c>: another file of the same model.</summary>
public sealed class OptimizeTests : IDisposable
{
    private readonly TestInputs inputs = new();

    public void Dispose() => inputs.Dispose();

    [Fact]
    public void A_half_model_finds_in_the_sample_pictures_what_the_single_one_finds()
    {
        string half = inputs.File("half.onnx");
        string text = YzcProcess.Run("optimize", "--model", SampleAssets.Model, "--output", half, "--half").Succeeded().Output;
        Assert.Contains("changed     half precision in ", text, StringComparison.Ordinal);
        Assert.InRange(new FileInfo(half).Length, 1_000_000, new FileInfo(SampleAssets.Model).Length * 0.52);
        Assert.Contains("(Float16)", YzcProcess.Run("info", "--model", half, "--device", "cpu").Succeeded().Output, StringComparison.Ordinal);

        Dictionary<string, FoundObject[]> wanted = Detect(SampleAssets.Model);
        Dictionary<string, FoundObject[]> found = Detect(half);
        Assert.Equal(wanted.Keys, found.Keys);
        foreach ((string picture, FoundObject[] objects) in wanted)
        {
            Assert.Equal(objects.Length, found[picture].Length);
            foreach (FoundObject one in objects)
            {
                FoundObject other = found[picture].Where(other => other.Class == one.Class).MaxBy(one.Overlap)!;
                Assert.True(one.Overlap(other) >= 0.97 && Math.Abs(one.Score - other.Score) <= 0.01, $"{picture}: {one} became {other}.");
            }
        }
    }

    [Fact]
    public void What_cannot_be_changed_is_told_and_the_model_is_written()
    {
        string output = inputs.File("out.onnx");
        string text = YzcProcess.Run("optimize", "--model", inputs.Model, "--output", output, "--half").Succeeded().Output;
        Assert.Contains("not changed half precision: ", text, StringComparison.Ordinal);
        Assert.Contains("nothing: it is the same model", text, StringComparison.Ordinal);
        Assert.Equal(File.ReadAllBytes(inputs.Model), File.ReadAllBytes(output));
        using JsonDocument json = JsonDocument.Parse(
            YzcProcess.Run("optimize", "--model", inputs.Model, "--output", output, "--half", "--json").Succeeded().Output);
        Assert.Equal(new FileInfo(output).Length, json.RootElement.GetProperty("bytes").GetInt64());
        Assert.Equal(0, json.RootElement.GetProperty("changes").GetArrayLength());
        Assert.StartsWith("half precision: ", json.RootElement.GetProperty("omissions")[0].GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Weights_in_other_files_are_put_inside()
    {
        string model = inputs.File("parted.onnx");
        File.WriteAllBytes(model, new OnnxModelBuilder().Input("x", OnnxType.Float, 1).ExternalConstant("w", "weights.bin", 2).Build());
        string output = inputs.File("out.onnx");
        YzcProcess.Run("optimize", "--model", model, "--output", output).Failed(ExitCode.ModelUnusable, "weights.bin");
        File.WriteAllBytes(inputs.File("weights.bin"), new byte[8]);
        string text = YzcProcess.Run("optimize", "--model", model, "--output", output).Succeeded().Output;
        Assert.Contains("1 weights from other files are inside", text, StringComparison.Ordinal);
        YzcProcess.Run("optimize", "--model", model, "--output", inputs.File("weights.bin")).Failed(
            ExitCode.WrongArguments, "the data of --model", "--output");
    }

    [Fact]
    public void What_is_no_model_is_refused_and_nothing_is_written()
    {
        string output = inputs.Text("out.onnx", "old");
        YzcProcess.Run("optimize", "--model", inputs.File("none.onnx"), "--output", output).Failed(ExitCode.ModelUnusable, "none.onnx");
        YzcProcess.Run("optimize", "--model", inputs.Text("text.onnx", "no model"), "--output", output).Failed(ExitCode.ModelUnusable, "text.onnx");
        YzcProcess.Run("optimize", "--model", inputs.Text("m.engine", "ftrt and more"), "--output", output).Failed(
            ExitCode.ModelUnusable, "TensorRT engine");
        YzcProcess.Run("optimize", "--model", inputs.Model, "--output", inputs.Model).Failed(ExitCode.WrongArguments, "--model", "--output");
        YzcProcess.Run("optimize", "--model", inputs.Model, "--output", inputs.File("no/folder/m.onnx")).Failed(ExitCode.OutputFailed, "no/folder");
        YzcProcess.Run("optimize", "--model", inputs.Model).Failed(ExitCode.WrongArguments, "--output");
        Assert.Equal("old", File.ReadAllText(output));
    }

    internal static Dictionary<string, FoundObject[]> Detect(string model)
    {
        string[] lines = YzcProcess.Run(
            "detect", "--model", model, "--device", "cpu", "--input", SampleAssets.Pictures, "--quiet", "--json", "-").Succeeded().Lines;
        return lines.Select(static line => JsonDocument.Parse(line).RootElement).ToDictionary(
            static frame => frame.GetProperty("source").GetString()!,
            static frame => frame.GetProperty("detections").EnumerateArray().Select(FoundObject.Of).ToArray());
    }
}

/// <summary>A detection as <c>yzc detect --json</c> writes it.</summary>
internal sealed record FoundObject(int Class, double Score, double X1, double Y1, double X2, double Y2)
{
    public static FoundObject Of(JsonElement json)
    {
        double[] box = [.. json.GetProperty("box").EnumerateArray().Select(static edge => edge.GetDouble())];
        return new FoundObject(json.GetProperty("class").GetInt32(), json.GetProperty("score").GetDouble(), box[0], box[1], box[2], box[3]);
    }

    public double Overlap(FoundObject other)
    {
        double width = Math.Max(0, Math.Min(X2, other.X2) - Math.Max(X1, other.X1));
        double height = Math.Max(0, Math.Min(Y2, other.Y2) - Math.Max(Y1, other.Y1));
        double shared = width * height;
        return shared / (((X2 - X1) * (Y2 - Y1)) + ((other.X2 - other.X1) * (other.Y2 - other.Y1)) - shared);
    }
}
