namespace YoloZeroCopy.Tests;

public sealed class HostDependentOperatorsTests : IDisposable
{
    private readonly ModelFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Finds_an_operator_that_reports_to_the_host_and_nothing_in_a_plain_detector()
    {
        string plain = OnnxModelBuilder.Detector(new FakeDetector()).Save(folder.Path, "plain.onnx");
        Assert.Null(HostDependentOperators.Find(plain));
        string counting = OnnxModelBuilder.Detector(new FakeDetector()).Node("NonZero", ["picture"], ["places"]).Save(folder.Path, "counting.onnx");
        Assert.Equal("NonZero", HostDependentOperators.Find(counting));
    }

    [Theory]
    [InlineData((1 << 20) - 5)]
    [InlineData((1 << 20) + 27)]
    [InlineData(3 << 20)]
    public void Finds_it_wherever_it_lies_in_a_large_file(int position)
    {
        byte[] file = new byte[(3 << 20) + 100];
        "\u0022\u0007NonZero"u8.CopyTo(file.AsSpan(position));
        string path = folder.File("large.onnx");
        File.WriteAllBytes(path, file);
        Assert.Equal("NonZero", HostDependentOperators.Find(path));
    }

    [Fact]
    public void The_sample_model_has_none() =>
        Assert.Null(HostDependentOperators.Find(Path.Combine(AppContext.BaseDirectory, "model", "conveyor.onnx")));
}
