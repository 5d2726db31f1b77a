namespace YoloZeroCopy.Tests;

/// <summary>An ONNX file as it is read without a runtime, against what ONNX Runtime says of it.</summary>
public sealed class OnnxFileTests : IDisposable
{
    private static readonly string Sample = Path.Combine(AppContext.BaseDirectory, "model", "conveyor.onnx");

    private readonly ModelFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void The_sample_model_reads_as_onnx_runtime_reads_it()
    {
        OnnxFile file = OnnxFile.Read(Sample);
        using OnnxRuntimeEngine engine = OnnxRuntimeEngine.Open(Sample, new OnnxRuntimeOptions());
        Assert.Equal(engine.Model.Metadata.OrderBy(static pair => pair.Key), file.Metadata.OrderBy(static pair => pair.Key));
        Assert.Equal(Assert.Single(engine.Model.Inputs).ToString(), Assert.Single(file.Inputs).ToInfo().ToString());
        Assert.Equal("'images' float[batch,3,height,width]", file.Inputs[0].ToString());
        Assert.InRange(file.NodeCount, 100, 1000);
    }

    [Theory]
    [InlineData(0, true, "-1,3,-1,-1")]
    [InlineData(4, false, "4,3,64,96")]
    public void Shapes_keep_what_is_fixed(int batch, bool dynamic, string wanted)
    {
        byte[] bytes = OnnxModelBuilder.Detector(new FakeDetector { Batch = batch, Dynamic = dynamic, Width = 96 }).Build();
        OnnxFile file = Read(bytes)!;
        Assert.Equal(wanted, string.Join(',', Assert.Single(file.Inputs).Shape));
        Assert.Equal("detect", file.Metadata["task"]);
        Assert.Equal(6, file.NodeCount);
    }

    [Fact]
    public void An_input_that_is_a_constant_is_none() =>
        Assert.Equal(
            "x",
            Assert.Single(Read(new OnnxModelBuilder().Input("x", OnnxType.Float, 1).Input("w", OnnxType.Float, 1).Constant("w", [1f], 1)
                .Node("Add", ["x", "w"], ["y"]).Output("y", OnnxType.Float, 1).Build())!.Inputs).Name);

    [Fact]
    public void Every_cut_and_every_changed_byte_is_read_or_refused()
    {
        byte[] bytes = OnnxModelBuilder.Detector(new FakeDetector { Width = 32, Height = 32 }).Build();
        int refused = 0;
        for (int length = 1; length < bytes.Length; length += 7)
        {
            refused += Read(bytes[..length]) is null ? 1 : 0;
        }

        Assert.True(refused > bytes.Length / 14, $"{refused} cuts were refused.");
        for (int index = 0; index < bytes.Length; index += 3)
        {
            byte[] changed = [.. bytes];
            changed[index] ^= 0xFF;
            _ = Read(changed);
        }
    }

    [Fact]
    public void What_is_no_model_says_so()
    {
        File.WriteAllText(folder.File("text.onnx"), "this is no model");
        File.WriteAllBytes(folder.File("empty.onnx"), []);
        Assert.Contains(
            "no ONNX model", Assert.Throws<ModelException>(() => OnnxFile.Read(folder.File("text.onnx"))).Message, StringComparison.Ordinal);
        Assert.Contains("is empty", Assert.Throws<ModelException>(() => OnnxFile.Read(folder.File("empty.onnx"))).Message, StringComparison.Ordinal);
        Assert.Contains(
            "does not exist", Assert.Throws<ModelException>(() => OnnxFile.Read(folder.File("none.onnx"))).Message, StringComparison.Ordinal);
    }

    private static OnnxFile? Read(byte[] bytes) => OnnxFile.TryRead(ModelSource.InMemory(bytes, "model"));
}
