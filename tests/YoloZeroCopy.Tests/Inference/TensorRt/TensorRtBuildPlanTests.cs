using System.Collections.Immutable;

namespace YoloZeroCopy.Tests;

/// <summary>What is decided before TensorRT is asked: profiles, workspace, options, the profile to open with.</summary>
public sealed class TensorRtBuildPlanTests
{
    private static readonly ImmutableDictionary<string, string> NoMetadata = ImmutableDictionary<string, string>.Empty;

    [Theory]
    [InlineData(0, 1, 1073741824)]
    [InlineData(100, 8, 1234803097)]
    [InlineData(453, 8, 1803349393)]
    [InlineData(453, 9, 2344354211)]
    public void The_default_workspace_is_the_formula(int layers, int batch, long wanted)
    {
        // 1 GiB x (1 + 0.15 x layers / 100) x (1.3 above batch 8), computed by hand.
        double byHand = 1073741824.0 * (1 + (0.15 * layers / 100)) * (batch > 8 ? 1.3 : 1.0);
        Assert.InRange(TensorRtWorkspace.DefaultBytes(layers, batch), byHand - 2, byHand + 2);
        Assert.InRange(TensorRtWorkspace.DefaultBytes(layers, batch), wanted - 2, wanted + 2);
    }

    [Fact]
    public void Each_size_is_a_profile()
    {
        TensorRtBuildPlan plan = TensorRtBuildPlan.For(
            "m.onnx", Model("-1,3,-1,-1"), new TensorRtBuildOptions { Sizes = [(320, 320), (640, 384)], MaxBatch = 4, OptimalBatch = 2 });
        Assert.True(plan.NeedsProfiles);
        Assert.Equal([new TensorRtProfile(320, 320, 1, 2, 4), new TensorRtProfile(640, 384, 1, 2, 4)], plan.Profiles.AsEnumerable());
        Assert.Equal("[320, 320]", plan.MetadataFor(NoMetadata)["imgsz"]);
        Assert.Equal("[384, 640]", plan.MetadataFor(NoMetadata.Add("imgsz", "[384, 640]"))["imgsz"]);
    }

    [Theory]
    [InlineData("-1,3,-1,-1", null, "640x640, batch 1 to 8, tuned for 8")]
    [InlineData("-1,3,-1,-1", "[480, 640]", "640x480, batch 1 to 8, tuned for 8")]
    [InlineData("4,3,320,-1", "[480, 640]", "640x320, batch 4 to 4, tuned for 4")]
    [InlineData("1,3,320,512", null, "512x320, batch 1 to 1, tuned for 1")]
    public void Without_sizes_the_model_says(string shape, string? imageSize, string wanted) =>
        Assert.Equal(wanted, Assert.Single(TensorRtBuildPlan.For("m.onnx", Model(shape, imageSize), new TensorRtBuildOptions()).Profiles).ToString());

    [Fact]
    public void A_model_without_free_dimensions_needs_no_profile() =>
        Assert.False(TensorRtBuildPlan.For("m.onnx", Model("1,3,320,320"), new TensorRtBuildOptions()).NeedsProfiles);

    [Fact]
    public void What_does_not_fit_the_model_is_refused()
    {
        ArgumentException error = Assert.Throws<ArgumentException>(
            () => TensorRtBuildPlan.For("m.onnx", Model("1,3,320,320"), new TensorRtBuildOptions { Sizes = [(640, 640)] }));
        Assert.Contains("fixed at 320x320", error.Message, StringComparison.Ordinal);
        error = Assert.Throws<ArgumentException>(
            () => TensorRtBuildPlan.For("m.onnx", Model("-1,3,-1,-1"), new TensorRtBuildOptions { Sizes = [(650, 640)] }));
        Assert.Contains("multiples of the model's stride, 32", error.Message, StringComparison.Ordinal);
        Assert.Contains("[N,3,H,W]", Assert.Throws<ModelException>(() => TensorRtBuildPlan.For("m.onnx", Model("1,4,320,320"), new())).Message,
            StringComparison.Ordinal);
        Assert.Contains("[N,3,H,W]", Assert.Throws<ModelException>(() => TensorRtBuildPlan.For("m.onnx", Model("1,3,320"), new())).Message,
            StringComparison.Ordinal);
        OnnxFile pose = Model("-1,3,-1,-1") with { Metadata = NoMetadata.Add("task", "pose") };
        Assert.Contains(
            "'pose'", Assert.Throws<ModelException>(() => TensorRtBuildPlan.For("m.onnx", pose, new())).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Options_out_of_range_are_refused_by_name()
    {
        Check(new() { MaxBatch = 0 }, "MaxBatch is 0");
        Check(new() { OptimalBatch = 9 }, "OptimalBatch is 9");
        Check(new() { WorkspaceBytes = -1 }, "WorkspaceBytes is -1");
        Check(new() { OptimizationLevel = 6 }, "OptimizationLevel is 6");
        Check(new() { Precisions = (TensorRtPrecisions)8 }, "Precisions is 8");
        Check(new() { Hardware = (TensorRtHardware)9 }, "Hardware is 9");
        Check(new() { DeviceOrdinal = -1 }, "DeviceOrdinal is -1");
        Check(new() { Sizes = [(0, 640)] }, "Sizes is 0x640");
        Check(new() { Sizes = [(640, 640), (640, 640)] }, "different sizes");
        new TensorRtBuildOptions { Sizes = default }.Validate();

        static void Check(TensorRtBuildOptions options, string words)
        {
            ArgumentOutOfRangeException error =
                Assert.Throws<ArgumentOutOfRangeException>(() => TensorRtBuilder.Build("m.onnx", "m.engine", options));
            Assert.Contains(words, error.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(300, 200, 0, 320, 320)]
    [InlineData(320, 320, 0, 320, 320)]
    [InlineData(640, 360, 1, 640, 640)]
    [InlineData(641, 640, 2, 1280, 1280)]
    public void The_smallest_profile_that_fits_is_chosen(int width, int height, int index, int wantedWidth, int wantedHeight)
    {
        TensorRtProfileChoice choice = TensorRtProfileChoice.Choose("m.engine", Ranges(), (width, height), NoMetadata);
        Assert.Equal(new TensorRtProfileChoice(index, wantedWidth, wantedHeight, 1, 8), choice);
    }

    [Fact]
    public void Nobody_asking_takes_the_metadatas_size_else_the_first_profiles()
    {
        Assert.Equal(1, TensorRtProfileChoice.Choose("m.engine", Ranges(), null, NoMetadata.Add("imgsz", "640")).Index);
        Assert.Equal(0, TensorRtProfileChoice.Choose("m.engine", Ranges(), null, NoMetadata).Index);
        Assert.Equal(0, TensorRtProfileChoice.Choose("m.engine", Ranges(), null, NoMetadata.Add("imgsz", "4096")).Index);
    }

    [Fact]
    public void A_range_runs_at_the_asked_size()
    {
        ImmutableArray<TensorRtShapeRange> range = [new([2, 3, 320, 320], [4, 3, 640, 640], [6, 3, 1280, 1280])];
        Assert.Equal(new TensorRtProfileChoice(0, 640, 384, 2, 6), TensorRtProfileChoice.Choose("m.engine", range, (640, 384), NoMetadata));
        Assert.Equal(new TensorRtProfileChoice(0, 320, 320, 2, 6), TensorRtProfileChoice.Choose("m.engine", range, (64, 64), NoMetadata));
        Assert.Equal(new TensorRtProfileChoice(0, 640, 640, 2, 6), TensorRtProfileChoice.Choose("m.engine", range, null, NoMetadata));
    }

    [Fact]
    public void A_size_that_no_profile_holds_is_refused_with_all_of_them()
    {
        ModelException error = Assert.Throws<ModelException>(() => TensorRtProfileChoice.Choose("m.engine", Ranges(), (1281, 32), NoMetadata));
        foreach (string words in (string[])["1281x32", "320x320, batch 1 to 8", "640x640", "1280x1280"])
        {
            Assert.Contains(words, error.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(8, 0, 2, "2 8")]
    [InlineData(8, 0, 4, "4 8")]
    [InlineData(2, 0, 4, "4")]
    public void Buckets_begin_with_the_smallest_batch_that_the_engine_takes(int maxBatch, int fixedBatch, int minBatch, string wanted) =>
        Assert.Equal(wanted, string.Join(' ', BatchBucket.SizesFor(maxBatch, fixedBatch, minBatch)));

    private static ImmutableArray<TensorRtShapeRange> Ranges() =>
        [.. new long[] { 320, 640, 1280 }.Select(static size => new TensorRtShapeRange(
            ImmutableArray.Create(1L, 3, size, size), ImmutableArray.Create(8L, 3, size, size), ImmutableArray.Create(8L, 3, size, size)))];

    private static OnnxFile Model(string shape, string? imageSize = null) => new()
    {
        Metadata = imageSize is null ? NoMetadata : NoMetadata.Add("imgsz", imageSize),
        NodeCount = 100,
        Inputs = [new OnnxTensor(
            "images", Interop.OrtElementType.Float, [.. shape.Split(',').Select(long.Parse)], [.. shape.Split(',').Select(static _ => "")])],
    };
}
