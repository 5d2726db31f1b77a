namespace YoloZeroCopy.Tests;

/// <summary>Results of the decoder against the reference. Equality is exact: the order of binary32 operations is part of the contract.</summary>
public class DetectionDecoderTests
{
    private static readonly DecodingOptions Defaults = new();
    private static readonly Letterbox Hd = new(1920, 1080, 640, 640);

    public static TheoryData<OutputLayout, int, int, int> Shapes()
    {
        TheoryData<OutputLayout, int, int, int> shapes = [];
        foreach (OutputLayout layout in Enum.GetValues<OutputLayout>())
        {
            foreach ((int anchors, int classCount, int candidates) in new[]
            {
                (1, 1, 1), (1, 80, 1), (3, 2, 3), (7, 8, 7), (8, 5, 8), (9, 80, 5), (15, 3, 0), (300, 6, 120), (300, 1000, 300), (2047, 1, 300),
                    (2048, 2, 2048),
                (2049, 7, 600), (2100, 1000, 2100), (4097, 9, 4097), (8400, 1, 2000), (8400, 80, 0), (8400, 80, 100), (8400, 80, 8400),
            })
            {
                shapes.Add(layout, anchors, classCount, candidates);
            }
        }

        return shapes;
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Equals_the_reference_in_every_layout(OutputLayout layout, int anchors, int classCount, int candidates)
    {
        ModelOutput output = ModelOutput.Random(layout, anchors, classCount, candidates, 640, seed: (anchors * 31) + classCount);
        Detection[] wanted = ReferenceDecoder.Decode(output, Defaults, Hd);
        Assert.Equal(wanted, output.Decode(Defaults, Hd));
        Assert.True(candidates == 0 || anchors < 100 || wanted.Length > 10, "The case tests little.");
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Equals_the_reference_on_halves(OutputLayout layout, int anchors, int classCount, int candidates)
    {
        ModelOutput output = ModelOutput.Random(layout, anchors, classCount, candidates, 640, seed: (anchors * 17) + classCount);
        Assert.Equal(ReferenceDecoder.Decode(output.RoundedToHalf(), Defaults, Hd), output.Decode(Defaults, Hd, TensorElementType.Float16));
    }

    [Theory]
    [InlineData(0f, 0.5f, 300, false)]
    [InlineData(0.001f, 0.7f, 30_000, false)]
    [InlineData(0.25f, 0f, 300, true)]
    [InlineData(0.25f, 0.45f, 17, true)]
    [InlineData(0.5f, 1f, 1, false)]
    [InlineData(0.9f, 0.7f, 5000, true)]
    [InlineData(1f, 0.7f, 300, false)]
    public void Equals_the_reference_with_every_option(float score, float iou, int maxDetections, bool classAgnostic)
    {
        DecodingOptions options = new() { ScoreThreshold = score, IouThreshold = iou, MaxDetections = maxDetections, ClassAgnostic = classAgnostic };
        foreach (OutputLayout layout in Enum.GetValues<OutputLayout>())
        {
            ModelOutput output = ModelOutput.Random(layout, 1500, 5, 700, 640, seed: 5);
            Assert.Equal(ReferenceDecoder.Decode(output, options, Hd), output.Decode(options, Hd));
        }
    }

    [Fact]
    public void Cuts_to_the_best_30000_candidates_before_suppression()
    {
        // 30,010 candidates of one class: a best one that covers them all, and apart from them, ranked last, one that nothing covers.
        const int Anchors = 30_010;
        ModelOutput output = new(OutputLayout.ChannelsFirst, Anchors, 1);
        for (int anchor = 0; anchor < Anchors; anchor++)
        {
            output.Set(anchor, 100, 100, 50, 50, 0, 0.5f);
        }

        output.Set(Anchors - 1, 500, 500, 50, 50, 0, 0.4f);
        Letterbox same = new(640, 640, 640, 640);
        Assert.Single(output.Decode(Defaults, same));
        output.Set(Anchors - 1, 500, 500, 50, 50, 0, 0.6f);
        Assert.Equal([0.6f, 0.5f], output.Decode(Defaults, same).Select(detection => detection.Score));
    }

    [Fact]
    public void Orders_equal_scores_by_anchor_and_equal_classes_by_id()
    {
        foreach (OutputLayout layout in Enum.GetValues<OutputLayout>())
        {
            ModelOutput output = new(layout, 700, 9);
            for (int anchor = 0; anchor < 700; anchor++)
            {
                output.Set(anchor, anchor, 10, anchor + 1, 20, anchor % 9, 0.5f);
            }

            DecodingOptions options = new() { IouThreshold = 1 };
            Detection[] detections = output.Decode(options, new Letterbox(1000, 1000, 1000, 1000));
            Assert.Equal(Enumerable.Range(0, 300).Select(anchor => anchor % 9), detections.Select(detection => detection.ClassId));
            Assert.Equal(ReferenceDecoder.Decode(output, options, new Letterbox(1000, 1000, 1000, 1000)), detections);
        }
    }

    [Fact]
    public void Gives_the_lowest_class_of_equal_products()
    {
        // Search for two neighbouring class scores that one objectness rounds to the same product.
        ModelOutput output = new(OutputLayout.AnchorsFirst, 1, 3);
        float objectness = 0.3f;
        float high = 0.9f;
        while (objectness * high != objectness * MathF.BitDecrement(high))
        {
            high = MathF.BitIncrement(high);
        }

        output.SetBox(0, 50, 50, 20, 20);
        (output[0, 4], output[0, 5], output[0, 6], output[0, 7]) = (objectness, 0.1f, MathF.BitDecrement(high), high);
        DecodingOptions options = new() { ScoreThreshold = 0.1f };
        Assert.Equal(1, Assert.Single(output.Decode(options, new Letterbox(100, 100, 100, 100))).ClassId);
    }

    [Fact]
    public void Keeps_one_box_of_each_class_when_everything_overlaps()
    {
        ModelOutput output = new(OutputLayout.ChannelsFirst, 8400, 80);
        for (int anchor = 0; anchor < 8400; anchor++)
        {
            output.Set(anchor, 320, 320, 100, 100, anchor % 80, 0.3f + (anchor / 20_000f));
        }

        Letterbox same = new(640, 640, 640, 640);
        Assert.Equal(80, output.Decode(Defaults, same).Length);
        Detection only = Assert.Single(output.Decode(new DecodingOptions { ClassAgnostic = true }, same));
        Assert.Equal(new Detection(8399 % 80, 0.3f + (8399 / 20_000f), 270, 270, 370, 370), only);
    }

    [Theory]
    [InlineData(0.5f, 0)]
    [InlineData(0.49999997f, 1)]
    public void Score_must_be_above_the_threshold(float threshold, int wanted)
    {
        foreach (OutputLayout layout in Enum.GetValues<OutputLayout>())
        {
            ModelOutput output = new(layout, 20, 3);
            output.Set(13, 50, 50, 60, 60, 2, 0.5f);
            Assert.Equal(wanted, output.Decode(new DecodingOptions { ScoreThreshold = threshold }, Hd).Length);
        }
    }

    [Fact]
    public void Overlap_must_be_above_the_threshold()
    {
        // A box of 1 x 1 inside one of 2 x 1: the overlap is exactly one half.
        ModelOutput output = new(OutputLayout.ChannelsFirst, 2, 1);
        output.Set(0, 11, 10.5f, 2, 1, 0, 0.9f);
        output.Set(1, 10.5f, 10.5f, 1, 1, 0, 0.8f);
        Letterbox same = new(100, 100, 100, 100);
        Assert.Equal(2, output.Decode(new DecodingOptions { IouThreshold = 0.5f }, same).Length);
        Assert.Single(output.Decode(new DecodingOptions { IouThreshold = MathF.BitDecrement(0.5f) }, same));
    }

    [Fact]
    public void Boxes_without_area_suppress_nothing()
    {
        ModelOutput output = new(OutputLayout.ChannelsFirst, 9, 1);
        for (int anchor = 0; anchor < 9; anchor++)
        {
            output.Set(anchor, 10, 10, 0, 0, 0, 0.9f);
        }

        Assert.Equal(9, output.Decode(new DecodingOptions { IouThreshold = 0 }, new Letterbox(100, 100, 100, 100)).Length);
    }

    [Theory]
    [InlineData(333, 777, 640, 640)]
    [InlineData(1000, 1600, 640, 480)]
    [InlineData(1, 1, 640, 640)]
    [InlineData(1, 8192, 320, 640)]
    [InlineData(3840, 2160, 640, 384)]
    [InlineData(641, 479, 640, 640)]
    public void Maps_the_picture_inside_the_padding_onto_the_frame(int frameWidth, int frameHeight, int inputWidth, int inputHeight)
    {
        Letterbox letterbox = new(frameWidth, frameHeight, inputWidth, inputHeight);
        ModelOutput output = new(OutputLayout.EndToEnd, 3, 1);
        float gain = (float)letterbox.Gain;
        output.Set(0, letterbox.Left, letterbox.Top, letterbox.Left + (frameWidth * gain), letterbox.Top + (frameHeight * gain), 0, 0.9f);
        output.Set(1, -1e6f, -1e6f, 1e6f, 1e6f, 0, 0.8f);
        output.Set(2, letterbox.Left + (frameWidth * gain / 4), letterbox.Top + (frameHeight * gain / 2), 1e6f, 1e6f, 0, 0.7f);
        Detection[] detections = output.Decode(Defaults, letterbox);

        // The whole frame; a box far beyond it, clipped; a quarter in and half down. Tolerance: a 16-millionth of the coordinate, binary32's own.
        float tolerance = Math.Max(frameWidth, frameHeight) * 1e-6f / Math.Min(1, gain);
        Assert.Equal(3, detections.Length);
        AssertBox(detections[0], 0, 0, frameWidth, frameHeight, tolerance);
        AssertBox(detections[1], 0, 0, frameWidth, frameHeight, 0);
        AssertBox(detections[2], frameWidth / 4f, frameHeight / 2f, frameWidth, frameHeight, tolerance);
    }

    [Fact]
    public void Clips_boxes_outside_the_frame_to_its_edge()
    {
        ModelOutput output = new(OutputLayout.ChannelsFirst, 2, 1);
        output.Set(0, -500, 700, 10, 10, 0, 0.9f);
        output.Set(1, 320, 100, 10, 10, 0, 0.8f); // In the padding above the picture.
        Detection[] detections = output.Decode(Defaults, Hd);
        Assert.Equal(new Detection(0, 0.9f, 0, 1080, 0, 1080), detections[0]);
        AssertBox(detections[1], 945, 0, 975, 0, 1e-3f);
    }

    [Fact]
    public void A_box_of_negative_size_becomes_an_empty_one()
    {
        ModelOutput output = new(OutputLayout.EndToEnd, 1, 1);
        output.Set(0, 60, 70, 40, 30, 0, 0.9f);
        Assert.Equal(new Detection(0, 0.9f, 60, 70, 60, 70), Assert.Single(output.Decode(Defaults, new Letterbox(100, 100, 100, 100))));
    }

    [Fact]
    public void Is_the_same_on_every_call_and_leaves_nothing_of_the_call_before()
    {
        ModelOutput many = ModelOutput.Random(OutputLayout.ChannelsFirst, 2100, 8, 2100, 640, seed: 1);
        ModelOutput few = ModelOutput.Random(OutputLayout.ChannelsFirst, 2100, 8, 40, 640, seed: 2);
        DetectionDecoder decoder = many.CreateDecoder(Defaults);
        Detection[] detections = new Detection[decoder.MaxDetections];
        foreach (ModelOutput output in new[] { many, few, many, few })
        {
            int count = decoder.Decode(output.ToBytes(TensorElementType.Float32), in Hd, detections);
            Assert.Equal(ReferenceDecoder.Decode(output, Defaults, Hd), detections[..count]);
        }
    }

    [Fact]
    public void Allocates_nothing()
    {
        foreach (TensorElementType elementType in new[] { TensorElementType.Float32, TensorElementType.Float16 })
        {
            foreach (OutputLayout layout in Enum.GetValues<OutputLayout>())
            {
                ModelOutput output = ModelOutput.Random(layout, 3000, 5, 1500, 640, seed: 3);
                byte[] bytes = output.ToBytes(elementType);
                DetectionDecoder decoder = output.CreateDecoder(Defaults, elementType);
                Detection[] detections = new Detection[decoder.MaxDetections];
                decoder.Decode(bytes, in Hd, detections);
                Assert.Equal(0, AllocationSlices.LeastHere(() =>
                {
                    for (int i = 0; i < 10; i++)
                    {
                        decoder.Decode(bytes, in Hd, detections);
                    }
                }));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Equals_the_reference_where_some_classes_count(OutputLayout layout, int anchors, int classCount, int candidates)
    {
        DecodingOptions options = new() { Classes = [.. Enumerable.Range(0, classCount).Where(static id => id % 7 is 0 or 3)] };
        ModelOutput output = ModelOutput.Random(layout, anchors, classCount, candidates, 640, seed: (anchors * 13) + classCount);
        Detection[] found = output.Decode(options, Hd);
        Assert.Equal(ReferenceDecoder.Decode(output, options, Hd), found);
        Assert.All(found, static detection => Assert.Contains(detection.ClassId % 7, (int[])[0, 3]));
        Assert.Equal(
            ReferenceDecoder.Decode(output.RoundedToHalf(), options, Hd), output.Decode(options, Hd, TensorElementType.Float16));
    }

    [Theory]
    [InlineData(OutputLayout.ChannelsFirst)]
    [InlineData(OutputLayout.AnchorsFirst)]
    [InlineData(OutputLayout.EndToEnd)]
    public void Classes_are_left_out_by_the_best_one_of_an_anchor_and_before_suppression(OutputLayout layout)
    {
        Letterbox same = new(640, 640, 640, 640);
        ModelOutput output = new(layout, 3, 4);

        // At one place a better one of class 1, and one of class 2; beside them class 3, which is also a little of class 2.
        (int anchor, int classId, float score, float place)[] objects = [(0, 1, 0.9f, 110), (1, 2, 0.8f, 110), (2, 3, 0.7f, 310)];
        foreach ((int anchor, int classId, float score, float place) in objects)
        {
            if (layout == OutputLayout.EndToEnd)
            {
                output.Set(anchor, place - 20, place - 20, place + 20, place + 20, classId, score);
            }
            else
            {
                output.Set(anchor, place, place, 40, 40, classId, score);
                output[2, output.FirstScore + 2] = 0.6f;
            }
        }

        DecodingOptions options = new() { Classes = [2], ClassAgnostic = true, MaxDetections = 1 };
        Assert.Equal(new Detection(2, 0.8f, 90, 90, 130, 130), Assert.Single(output.Decode(options, same)));
        Assert.Equal([1, 3], output.Decode(options with { Classes = [3, 1], MaxDetections = 9 }, same).Select(static found => found.ClassId));
        Assert.Empty(output.Decode(options with { Classes = [0] }, same));
    }

    [Theory]
    [InlineData(OutputLayout.ChannelsFirst)]
    [InlineData(OutputLayout.AnchorsFirst)]
    [InlineData(OutputLayout.EndToEnd)]
    public void Boxes_of_classes_that_do_not_count_need_not_be_numbers_but_scores_do(OutputLayout layout)
    {
        ModelOutput output = new(layout, 2, 3);
        output.Set(0, 10, 10, 20, 20, 0, 0.9f);
        output.Set(1, 10, 10, float.NaN, 20, 1, 0.9f);
        Assert.Single(output.Decode(new DecodingOptions { Classes = [0] }, Hd));
        Assert.Throws<InferenceException>(() => output.Decode(new DecodingOptions { Classes = [1] }, Hd));
        output[1, 4] = float.NaN;
        Assert.Throws<InferenceException>(() => output.Decode(new DecodingOptions { Classes = [0] }, Hd));
    }

    [Fact]
    public void A_class_that_the_model_does_not_have_is_refused()
    {
        ModelOutput output = new(OutputLayout.ChannelsFirst, 2, 3);
        ArgumentException error = Assert.Throws<ArgumentException>(() => output.CreateDecoder(new DecodingOptions { Classes = [0, 3] }));
        Assert.Contains("has 3; the model's classes are 0 to 2", error.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => new DecodeKernels(
            OutputLayout.ChannelsFirst, 10, 3, TensorElementType.Float16, new DecodingOptions { Classes = [3] }));
    }

    private static void AssertBox(Detection detection, float x1, float y1, float x2, float y2, float tolerance)
    {
        Assert.InRange(detection.X1, x1 - tolerance, x1 + tolerance);
        Assert.InRange(detection.Y1, y1 - tolerance, y1 + tolerance);
        Assert.InRange(detection.X2, x2 - tolerance, x2 + tolerance);
        Assert.InRange(detection.Y2, y2 - tolerance, y2 + tolerance);
    }
}
