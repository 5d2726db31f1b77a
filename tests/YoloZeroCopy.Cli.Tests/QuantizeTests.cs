using System.Text.Json;

namespace YoloZeroCopy.Cli.Tests;

/// <summary><c>yzc quantize</c>: a model that computes in 8-bit integers.</summary>
public sealed class QuantizeTests : IDisposable
{
    private readonly TestInputs inputs = new();

    public void Dispose() => inputs.Dispose();

    [Fact]
    public void A_model_of_integers_finds_in_the_sample_pictures_what_the_model_finds()
    {
        string output = inputs.File("m.int8.onnx");
        string text = YzcProcess.Run(
            "quantize", "--model", SampleAssets.Model, "--calibration", SampleAssets.Pictures, "--output", output).Succeeded().Output;
        foreach (string words in (string[])["picture 8 of 8", "pictures    8 in ", "integers    56 convolutions", "single      7 convolutions: "])
        {
            Assert.Contains(words, text, StringComparison.Ordinal);
        }

        Assert.InRange(new FileInfo(output).Length, 1_000_000, new FileInfo(SampleAssets.Model).Length * 0.3);
        Dictionary<string, FoundObject[]> wanted = OptimizeTests.Detect(SampleAssets.Model);
        Dictionary<string, FoundObject[]> found = OptimizeTests.Detect(output);
        Assert.Equal(wanted.Keys, found.Keys);
        int right = wanted.Sum(one => one.Value.Count(
            one2 => found[one.Key].Any(
                other => other.Class == one2.Class && other.Overlap(one2) >= 0.85 && Math.Abs(other.Score - one2.Score) <= 0.1)));
        int all = wanted.Values.Sum(static objects => objects.Length);

        // Of 82 objects some are near the threshold, or small.
        Assert.True(right >= 0.95 * all, $"{right} of {all} objects are found.");
        Assert.InRange(found.Values.Sum(static objects => objects.Length), all - 4, all + 4);
    }

    [Fact]
    public void So_many_pictures_are_taken_and_the_report_is_json_where_that_is_asked()
    {
        string output = inputs.File("m.onnx");
        string[] quantize = ["quantize", "--model", SampleAssets.Model, "--calibration", SampleAssets.Pictures, "--output", output];
        using JsonDocument json =
            JsonDocument.Parse(YzcProcess.Run([.. quantize, "--imgsz", "96", "--pictures", "3", "--range", "full", "--json"]).Succeeded().Output);
        Assert.Equal(3, json.RootElement.GetProperty("pictures").GetInt32());
        Assert.Equal(new FileInfo(output).Length, json.RootElement.GetProperty("bytes").GetInt64());
        Assert.Equal(56, json.RootElement.GetProperty("integer_convolutions").GetInt32());
        Assert.Equal(7, json.RootElement.GetProperty("single_convolutions").GetArrayLength());
        YzcProcess.Run([.. quantize, "--range", "some"]).Failed(ExitCode.WrongArguments, "some", "leasterror, percentile, full");
        YzcProcess.Run([.. quantize, "--pictures", "0"]).Failed(ExitCode.WrongArguments, "--pictures");
        YzcProcess.Run([.. quantize, "--imgsz", "100"]).Failed(ExitCode.ModelUnusable, "100");
    }

    [Fact]
    public void A_picture_that_cannot_be_read_is_told_and_the_others_are_taken()
    {
        string folder = inputs.Folder("pictures");
        inputs.Picture("pictures/a.jpg");
        inputs.Text("pictures/b.jpg", "no picture");
        string output = inputs.File("m.onnx");
        YzcResult result = YzcProcess.Run(
            "quantize", "--model", SampleAssets.Model, "--calibration", folder, "--output", output, "--imgsz", "96");
        result.Failed(ExitCode.InputFailed, "b.jpg");
        Assert.Contains("pictures    1 in ", result.Output, StringComparison.Ordinal);
        Assert.True(File.Exists(output));
    }

    [Fact]
    public void What_cannot_be_done_is_refused_and_nothing_is_written()
    {
        string folder = inputs.Folder("pictures");
        string picture = inputs.Picture("pictures/a.jpg");
        string output = inputs.Text("out.onnx", "old");
        YzcProcess.Run("quantize", "--model", inputs.Model, "--calibration", folder, "--output", output).Failed(
            ExitCode.ModelUnusable, "cannot be made one of integers");
        YzcProcess.Run("quantize", "--model", SampleAssets.Model, "--calibration", inputs.Folder("empty"), "--output", output).Failed(
            ExitCode.InputFailed, "empty");
        YzcProcess.Run("quantize", "--model", SampleAssets.Model, "--calibration", inputs.File("nowhere"), "--output", output).Failed(
            ExitCode.InputFailed, "nowhere");
        YzcProcess.Run("quantize", "--model", inputs.Model, "--calibration", folder, "--output", inputs.Model).Failed(
            ExitCode.WrongArguments, "--model", "--output");
        YzcProcess.Run("quantize", "--model", inputs.Model, "--calibration", folder, "--output", picture).Failed(
            ExitCode.WrongArguments, "--calibration", "--output");
        YzcProcess.Run("quantize", "--model", SampleAssets.Model, "--calibration", folder, "--output", inputs.File("no/folder/m.onnx")).Failed(
            ExitCode.OutputFailed, "no/folder");
        YzcProcess.Run("quantize", "--model", inputs.Text("m.engine", "ftrt and more"), "--calibration", folder, "--output", output).Failed(
            ExitCode.ModelUnusable, "TensorRT engine");
        Assert.Equal("old", File.ReadAllText(output));
    }
}
