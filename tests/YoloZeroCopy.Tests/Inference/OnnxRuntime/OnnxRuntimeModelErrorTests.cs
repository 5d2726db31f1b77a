namespace YoloZeroCopy.Tests;

public sealed class OnnxRuntimeModelErrorTests : IDisposable
{
    private readonly ModelFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Missing_file() => Check(folder.File("none.onnx"), "does not exist");

    [Fact]
    public void Folder_in_place_of_a_file() => Check(folder.Path, "is a folder");

    [Fact]
    public void Empty_file() => Check(Write([]), "is empty");

    [Fact]
    public void Not_an_onnx()
    {
        Check(Write("This is a text, no model.\n"u8.ToArray()), "not an ONNX model");
        byte[] noise = new byte[10_000];
        new Random(3).NextBytes(noise);
        Check(Write(noise), "ONNX Runtime 1.");
    }

    [Fact]
    public void Truncated_at_any_place()
    {
        byte[] whole = OnnxModelBuilder.Detector(new FakeDetector()).Build();
        for (int i = 1; i < 24; i++)
        {
            string path = Write(whole[..(whole.Length * i / 24)]);
            Check(path, path);
        }
    }

    [Fact]
    public void Damaged_bytes_never_crash()
    {
        byte[] whole = OnnxModelBuilder.Detector(new FakeDetector { Objects = [] }).Build();
        Random random = new(11);
        int refused = 0;
        for (int round = 0; round < 150; round++)
        {
            byte[] damaged = [.. whole];

            // Headers and metadata are at both ends; the constants between them are only numbers.
            for (int i = 0; i < 3; i++)
            {
                int at = random.Next(600);
                damaged[random.Next(2) == 0 ? at : damaged.Length - 1 - at] = (byte)random.Next(256);
            }

            try
            {
                OnnxRuntimeEngine.Open(Write(damaged), new OnnxRuntimeOptions { Threads = 1 }).Dispose();
            }
            catch (ModelException)
            {
                refused++;
            }
        }

        Assert.InRange(refused, 1, 150);
    }

    [Fact]
    public void Larger_than_protobuf_can_be()
    {
        string path = folder.File("large.onnx");
        using (FileStream file = File.Create(path))
        {
            // Sparse: takes no room on disk.
            file.SetLength((1L << 31) + 10);
        }

        Check(path, "external data");
    }

    [Fact]
    public void Unsupported_operator_set_and_operator()
    {
        OnnxModelBuilder future = OnnxModelBuilder.Detector(new FakeDetector());
        future.Opset = 9999;
        Check(future.Save(folder.Path), "pset");
        Check(new OnnxModelBuilder().Input("images", OnnxType.Float, 1, 3, 64, 64).Node("NoSuchOperator", ["images"], ["output0"])
            .Output("output0", OnnxType.Float, 1, 7, 84).Save(folder.Path), "NoSuchOperator");
    }

    [Fact]
    public void External_data_missing() =>
        Check(new OnnxModelBuilder().Input("images", OnnxType.Float, 1, 3, 64, 64).ExternalConstant("weights", "weights.bin", 1, 7, 84)
            .Node("ReduceMean", ["images"], ["mean4"], ("axes", new long[] { 1, 2, 3 })).Node(
                "Squeeze", ["mean4"], ["mean"], ("axes", new long[] { 3 }))
            .Node("Add", ["mean", "weights"], ["output0"]).Output("output0", OnnxType.Float, 1, 7, 84).Save(folder.Path), "weights.bin");

    [Theory]
    [InlineData(OnnxType.Int64, "is of type int64; float, float16 or uint8 is wanted")]
    [InlineData(OnnxType.Double, "is of type double; float, float16 or uint8 is wanted")]
    public void Wrong_input_type(OnnxType type, string reason) =>
        Check(OnnxModelBuilder.Detector(new FakeDetector { Type = type }).Save(folder.Path), reason);

    [Fact]
    public void Wrong_inputs()
    {
        Check(Identity([1, 3, 64]), "is no picture tensor");
        Check(Identity([1, 1, 64, 64]), "has 1 channels; three are wanted");
        Check(Identity([1, 64, 64, 3]), "export it with channels first");
        Check(Identity([1, 3, 9000, 64]), "cannot be used");
        Check(OnnxModelBuilder.Detector(new FakeDetector()).Input("orig_size", OnnxType.Int64, 1, 2).Node("Identity", ["orig_size"], ["size"])
            .Output("size", OnnxType.Int64, 1, 2).Save(folder.Path),
                "it has 2 inputs ('images' float[batch,3,height,width]; 'orig_size' int64[1,2])");
    }

    [Fact]
    public void Wrong_outputs()
    {
        Check(Identity([1, 3, 64, 64]), "none of its outputs ('output0' float[1,3,64,64]) has the three dimensions");
        Check(new OnnxModelBuilder().Input("images", OnnxType.Float, 1, 3, 64, 64).Constant("flat", [1, 3, 4096]).Node(
            "Reshape", ["images", "flat"], ["r"])
            .Node("Cast", ["r"], ["output0"], ("to", (long)OnnxType.Int64)).Output("output0", OnnxType.Int64, 1, 3, 4096).Save(folder.Path),
            "is of type int64; float or float16 is wanted");
        Check(new OnnxModelBuilder().Input("images", OnnxType.Float, 1, 3, 64, 64).Constant("flat", [1, 3, 4096]).Node(
            "Reshape", ["images", "flat"], ["output0"])
            .Output("output0", OnnxType.Float, 1, 3, 4096).Save(folder.Path), "[N,3,4096] for an input of 64x64");
    }

    [Fact]
    public void Other_tasks()
    {
        foreach (string task in (string[])["segment", "pose", "obb", "classify"])
        {
            string path = OnnxModelBuilder.Detector(new FakeDetector { WithMetadata = false }).Metadata("task", task).Save(folder.Path);
            Check(path, $"task '{task}' is not supported, a 'detect' model is wanted");
        }
    }

    [Fact]
    public void Segmentation_without_metadata_is_known_by_its_masks() =>
        Check(OnnxModelBuilder.Detector(new FakeDetector { WithMetadata = false }).Constant("masks", new float[32 * 16 * 16], 1, 32, 16, 16)
            .Node("Identity", ["masks"], ["output1"]).Output("output1", OnnxType.Float, 1, 32, 16, 16).Save(folder.Path), "segmentation model",
                (64, 64));

    [Fact]
    public void Sizes_that_do_not_fit()
    {
        string fixedSize = OnnxModelBuilder.Detector(new FakeDetector { Dynamic = false }).Save(folder.Path, "fixed.onnx");
        Check(fixedSize, "is fixed at 64x64 (width x height), but 128x64 was asked", (128, 64));
        string free = OnnxModelBuilder.Network(2).Save(folder.Path, "free.onnx");
        Check(free, "must be multiples of the model's stride, 32", (100, 64));
        Check(OnnxModelBuilder.Network(2, "n", "size", "size").Save(folder.Path, "square.onnx"), "square pictures only", (64, 96));
        Assert.Throws<ArgumentOutOfRangeException>(() => OnnxRuntimeEngine.Open(free, new OnnxRuntimeOptions { Sizes = InputSizes.Of((0, 64)) }));
        Assert.Throws<ArgumentOutOfRangeException>(() => OnnxRuntimeEngine.Open(free, new OnnxRuntimeOptions { Threads = -1 }));
    }

    [Fact]
    public void Damaged_metadata_matters_only_where_it_is_needed()
    {
        string path = OnnxModelBuilder.Network(2).Metadata("imgsz", "[64, \u0007").Save(folder.Path);
        Check(path, "its metadata imgsz is '[64,  '");
        string names = OnnxModelBuilder.Network(2).Metadata("names", "{0: 'a").Metadata("stride", "many").Metadata("args", "{{{{").Metadata(
            "imgsz", "[64, 64]").Save(folder.Path);
        using OnnxRuntimeEngine engine = OnnxRuntimeEngine.Open(names, new OnnxRuntimeOptions { Threads = 1 });
        Assert.Equal(["class0", "class1"], engine.Model.Names.AsEnumerable());
        Assert.Equal(32, engine.Model.Stride);
    }

    private string Identity(object[] dimensions) =>
        new OnnxModelBuilder().Input("images", OnnxType.Float, dimensions).Node("Identity", ["images"], ["output0"]).Output(
            "output0", OnnxType.Float, dimensions).Save(folder.Path);

    private string Write(byte[] bytes)
    {
        string path = folder.File("file.onnx");
        File.WriteAllBytes(path, bytes);
        return path;
    }

    private static void Check(string path, string reason, (int Width, int Height)? size = null)
    {
        OnnxRuntimeOptions options = new() { Threads = 1, Sizes = size is (int, int) asked ? InputSizes.Of(asked) : null };
        ModelException error = Assert.Throws<ModelException>(() => OnnxRuntimeEngine.Open(path, options));
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        Assert.Equal(path, error.Path);
    }
}
