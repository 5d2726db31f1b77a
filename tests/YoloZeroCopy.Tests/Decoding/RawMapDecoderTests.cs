namespace YoloZeroCopy.Tests;

/// <summary>Decoding the maps of heads with anchor boxes and of heads without suppression. Heads of distances: HeadCutTests.</summary>
public sealed class RawMapDecoderTests
{
    private const int Side = 8;
    private const int Cells = Side * Side;
    private const int ClassCount = 2;
    private const int AnchorChannels = 5 + ClassCount;

    [Fact]
    public void Equal_scores_are_kept_in_the_order_of_anchors_and_classes()
    {
        DetectionHead head = PairHead(kept: 5);
        float[] maps = PairMaps(_ => 2);
        Assert.Equal([(0, 0), (0, 1), (1, 0), (1, 1), (2, 0)], Pairs(head, maps, new DecodingOptions()));

        // The anchor with the best class ranks first, so that of its other class does among equals.
        maps[(4 * Cells) + 20] = 3;
        Assert.Equal([(20, 0), (20, 1), (0, 0), (0, 1), (1, 0)], Pairs(head, maps, new DecodingOptions()));
    }

    [Fact]
    public void Classes_that_do_not_count_take_places_as_they_do_in_a_whole_model() =>
        Assert.Equal([(0, 1), (1, 1)], Pairs(PairHead(kept: 5), PairMaps(_ => 2), new DecodingOptions { Classes = [1] }));

    [Fact]
    public void Both_classes_of_an_anchor_may_be_kept_and_none_below_the_threshold()
    {
        float[] maps = PairMaps(_ => -9);
        maps[(4 * Cells) + 7] = 1;
        maps[(5 * Cells) + 7] = 2;
        maps[(5 * Cells) + 3] = HeadValues.Logit(0.25f) - 0.01f;
        maps[(4 * Cells) + 63] = HeadValues.Logit(0.25f) + 0.01f;
        Assert.Equal([(7, 1), (7, 0), (63, 0)], Pairs(PairHead(kept: 5), maps, new DecodingOptions()));
        Assert.Equal([(7, 1)], Pairs(PairHead(kept: 5), maps, new DecodingOptions { MaxDetections = 1 }));
    }

    [Fact]
    public void Pairs_that_are_not_finite_are_an_error()
    {
        float[] maps = PairMaps(_ => -9);
        maps[(4 * Cells) + 5] = 3;
        maps[5] = float.NaN;
        Assert.Contains("box at anchor 5", Error(PairHead(kept: 5), maps), StringComparison.Ordinal);
        maps[5] = 1;
        maps[(5 * Cells) + 7] = float.PositiveInfinity;
        Assert.Contains("class 1 at anchor 7", Error(PairHead(kept: 5), maps), StringComparison.Ordinal);
    }

    [Fact]
    public void An_anchor_box_gives_the_box_that_the_numbers_stretch()
    {
        float[] maps = AnchorMaps(-9);
        const int Anchor = Cells + 19;
        float large = HeadValues.Logit(0.75f);
        Set(maps, Anchor, large, 0, large, -large, HeadValues.Logit(0.9f), -9, HeadValues.Logit(0.8f));
        Detection found = Assert.Single(Detect(AnchorHead(), maps, new DecodingOptions()));

        // Cell (3, 2) of stride 8: centre (3 + 1.5 - 0.5, 2 + 1 - 0.5) x 8; sizes 1.5^2 x 20 and 0.5^2 x 40.
        Assert.Equal(1, found.ClassId);
        Assert.Equal(0.72f, found.Score, 5);
        Assert.Equal(
            [32 - 22.5f, 20 - 5, 32 + 22.5f, 20 + 5], new[] { found.X1, found.Y1, found.X2, found.Y2 }.Select(static edge => MathF.Round(edge, 3)));
    }

    [Fact]
    public void Objectness_and_class_together_decide()
    {
        float[] maps = AnchorMaps(-9);
        Set(maps, 3, 0, 0, 0, 0, HeadValues.Logit(0.5f), HeadValues.Logit(0.49f), -9);
        Set(maps, 4, 0, 0, 0, 0, HeadValues.Logit(0.5f), HeadValues.Logit(0.51f), -9);
        Set(maps, 5, 0, 0, 0, 0, HeadValues.Logit(0.24f), 9, 9);
        Assert.Equal(0.255f, Assert.Single(Detect(AnchorHead(), maps, new DecodingOptions())).Score, 5);
        Assert.Empty(Detect(AnchorHead(), maps, new DecodingOptions { Classes = [1] }));
    }

    [Theory]
    [InlineData(4, "objectness logit at anchor 70 of 128")]
    [InlineData(6, "logit of class 1 at anchor 70 of 128")]
    [InlineData(2, "box at anchor 70 of 128")]
    public void Anchor_boxes_that_are_not_finite_are_an_error(int channel, string message)
    {
        float[] maps = AnchorMaps(-9);
        Set(maps, 70, 0, 0, 0, 0, 9, 9, 9);
        maps[Index(70, channel)] = float.NaN;
        Assert.Contains(message, Error(AnchorHead(), maps), StringComparison.Ordinal);

        // What has no objectness is not looked at.
        maps = AnchorMaps(-9);
        maps[Index(70, 6)] = float.NaN;
        Assert.Empty(Detect(AnchorHead(), maps, new DecodingOptions()));
    }

    [Fact]
    public void Maps_in_half_precision_give_the_same()
    {
        Random random = new(5);
        float[] pairs = [.. PairMaps(_ => (random.NextSingle() - 0.6f) * 6).Select(static value => (float)(Half)value)];
        float[] boxes = [.. AnchorMaps(0).Select(_ => (float)(Half)((random.NextSingle() - 0.4f) * 6))];
        DecodingOptions options = new();
        Assert.NotEmpty(Detect(AnchorHead(), boxes, options));
        Assert.Equal(Detect(AnchorHead(), boxes, options), Detect(Halved(AnchorHead()), Halves(boxes), options));
        Assert.Equal(5, Detect(PairHead(kept: 5), pairs, options).Length);
        Assert.Equal(Detect(PairHead(kept: 5), pairs, options), Detect(Halved(PairHead(kept: 5)), Halves(pairs), options));

        static DetectionHead Halved(DetectionHead head) => head with { ElementType = TensorElementType.Float16 };
        static Half[] Halves(float[] values) => Array.ConvertAll(values, static value => (Half)value);
    }

    /// <summary>One level of 8x8 cells of stride 8, sides of one number.</summary>
    private static DetectionHead PairHead(int kept) => DetectionHead.TryResolve(
        [new HeadMap("boxes", 4, Side, Side), new HeadMap("scores", ClassCount, Side, Side)], TensorElementType.Float32, (64, 64), ClassCount, out _)!
        with
    { Layout = OutputLayout.EndToEnd, Kept = kept };

    /// <summary>Small boxes around the cells' centres.</summary>
    private static float[] PairMaps(Func<int, float> logit) => [.. Enumerable.Range(0, (4 + ClassCount) * Cells).Select(
        index => index >= 4 * Cells ? logit(index) : 0.1f)];

    private static DetectionHead AnchorHead()
    {
        DetectionHead head = DetectionHead.TryResolveAnchorBoxes(
            [new HeadMap("map", 2 * AnchorChannels, Side, Side)], TensorElementType.Float32, (64, 64), ClassCount, out _)!;
        return head with { Levels = [head.Levels[0] with { AnchorBoxes = [new AnchorBox(10, 10), new AnchorBox(20, 40)] }] };
    }

    private static float[] AnchorMaps(float value) => [.. Enumerable.Repeat(value, 2 * AnchorChannels * Cells)];

    private static int Index(int anchor, int channel) => (((anchor / Cells * AnchorChannels) + channel) * Cells) + (anchor % Cells);

    private static void Set(float[] maps, int anchor, params ReadOnlySpan<float> values)
    {
        for (int channel = 0; channel < values.Length; channel++)
        {
            maps[Index(anchor, channel)] = values[channel];
        }
    }

    // A box's centre is its cell's.
    private static (int Anchor, int ClassId)[] Pairs(DetectionHead head, float[] maps, DecodingOptions options) =>
        [.. Detect(head, maps, options).Select(static one => (((int)((one.Y1 + one.Y2) / 16) * Side) + (int)((one.X1 + one.X2) / 16), one.ClassId))];

    private static string Error(DetectionHead head, float[] maps) =>
        Assert.Throws<InferenceException>(() => Detect(head, maps, new DecodingOptions())).Message;

    private static unsafe Detection[] Detect<T>(DetectionHead head, T[] maps, DecodingOptions options)
        where T : unmanaged
    {
        Assert.Equal(head.PictureBytes, maps.Length * sizeof(T));
        Detection[] found = new Detection[300];
        fixed (T* address = maps)
        {
            return found[..OutputDecoder.For(head, options).Decode((nint)address, 1, 0, new Letterbox(64, 64, 64, 64), found)];
        }
    }
}
