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

    [Fact]
    public void Finds_it_within_a_branch()
    {
        byte[] branch = new OnnxModelBuilder().Node("Relu", ["x"], ["y"]).Node("Compress", ["y"], ["z"]).BuildGraph();
        byte[] model = new ProtobufWriter().Integer(1, 7).Message(7, graph => graph.Message(
            1, node => node.Text(4, "Custom").Message(5, attribute => attribute.Text(1, "body").Bytes(6, branch)))).ToArray();
        Assert.Equal("Compress", HostDependentOperators.Find(ModelSource.InMemory(model, "branched")));
    }

    [Fact]
    public void The_sample_model_has_none() =>
        Assert.Null(HostDependentOperators.Find(Path.Combine(AppContext.BaseDirectory, "model", "conveyor.onnx")));
}
