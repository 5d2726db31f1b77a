namespace YoloZeroCopy.Tests;

/// <summary>Outputs that are no detections, and calls that are wrong: what is said about them.</summary>
public class DecodingErrorTests
{
    private static readonly Letterbox Square = new(640, 640, 640, 640);

    private static readonly float[] NotFinite = [float.NaN, float.PositiveInfinity, float.NegativeInfinity];

    [Theory]
    [InlineData(1, 1)]
    [InlineData(5, 6)]
    [InlineData(21, 3)]
    [InlineData(9, 17)]
    [InlineData(35, 9)]
    [InlineData(2050, 2)]
    public void Finds_a_score_that_is_not_finite_at_every_place(int anchors, int classCount)
    {
        foreach (OutputLayout layout in new[] { OutputLayout.ChannelsFirst, OutputLayout.AnchorsFirst })
        {
            foreach (TensorElementType elementType in new[] { TensorElementType.Float32, TensorElementType.Float16 })
            {
                ModelOutput output = ModelOutput.Random(layout, anchors, classCount, anchors / 2, 640, seed: 4);
                DetectionDecoder decoder = output.CreateDecoder(new DecodingOptions(), elementType);
                Detection[] detections = new Detection[decoder.MaxDetections];
                foreach (int anchor in Places(anchors))
                {
                    for (int c = 0; c < classCount; c++)
                    {
                        float value = NotFinite[(anchor + c) % 3];
                        ref float score = ref output[anchor, output.FirstScore + c];
                        float before = score;
                        score = value;
                        byte[] bytes = output.ToBytes(elementType);
                        InferenceException error = Assert.Throws<InferenceException>(() => decoder.Decode(bytes, in Square, detections));
                        Assert.Contains($"gave {Text(value)} as the score of class {c} at anchor {anchor} of {anchors};", error.Message,
                            StringComparison.Ordinal);
                        score = before;
                    }
                }

                // And goes on with the next output as if nothing had been.
                int count = decoder.Decode(output.ToBytes(elementType), in Square, detections);
                ModelOutput rounded = elementType == TensorElementType.Float16 ? output.RoundedToHalf() : output;
                Assert.Equal(ReferenceDecoder.Decode(rounded, new DecodingOptions(), Square), detections[..count]);
            }
        }
    }

    [Theory]
    [InlineData(OutputLayout.ChannelsFirst, TensorElementType.Float32)]
    [InlineData(OutputLayout.ChannelsFirst, TensorElementType.Float16)]
    [InlineData(OutputLayout.AnchorsFirst, TensorElementType.Float32)]
    [InlineData(OutputLayout.AnchorsFirst, TensorElementType.Float16)]
    [InlineData(OutputLayout.EndToEnd, TensorElementType.Float32)]
    [InlineData(OutputLayout.EndToEnd, TensorElementType.Float16)]
    public void Finds_a_candidates_box_that_is_not_finite_and_lets_other_boxes_be(OutputLayout layout, TensorElementType elementType)
    {
        string[] names = layout == OutputLayout.EndToEnd ? ["x1", "y1", "x2", "y2"] : ["centre x", "centre y", "width", "height"];
        for (int channel = 0; channel < 4; channel++)
        {
            foreach (float value in NotFinite)
            {
                ModelOutput output = new(layout, 30, 4);
                output.Set(19, 50, 50, 60, 60, 1, 0.5f);
                output[20, channel] = value; // No candidate: nobody looks.
                Assert.Single(output.Decode(new DecodingOptions(), Square, elementType));
                output[19, channel] = value;
                InferenceException error = Assert.Throws<InferenceException>(() => output.Decode(new DecodingOptions(), Square, elementType));
                Assert.Contains(
                    $"gave {Text(value)} as the {names[channel]} of the box at anchor 19 of 30;", error.Message, StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public void Finds_objectness_and_end_to_end_scores_that_are_not_finite()
    {
        foreach (float value in NotFinite)
        {
            ModelOutput anchorsFirst = new(OutputLayout.AnchorsFirst, 30, 4);
            anchorsFirst[29, 4] = value;
            InferenceException error = Assert.Throws<InferenceException>(() => anchorsFirst.Decode(new DecodingOptions(), Square));
            Assert.Contains($"{Text(value)} as the objectness at anchor 29", error.Message, StringComparison.Ordinal);

            ModelOutput endToEnd = new(OutputLayout.EndToEnd, 30, 4);
            endToEnd[7, 4] = value;
            error = Assert.Throws<InferenceException>(() => endToEnd.Decode(new DecodingOptions(), Square));
            Assert.Contains($"{Text(value)} as the score at anchor 7", error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Finds_a_product_of_scores_that_is_infinite()
    {
        ModelOutput output = new(OutputLayout.AnchorsFirst, 3, 2);
        output.SetBox(1, 5, 5, 5, 5);
        (output[1, 4], output[1, 5]) = (1e30f, 1e30f);
        InferenceException error = Assert.Throws<InferenceException>(() => output.Decode(new DecodingOptions(), Square));
        Assert.Contains("product of objectness and class score at anchor 1", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(-1f, "-1")]
    [InlineData(4f, "4")]
    [InlineData(2.5f, "2.5")]
    [InlineData(3e9f, "3E+09")]
    [InlineData(float.NaN, "NaN")]
    public void Refuses_class_ids_that_the_model_has_not(float classId, string text)
    {
        ModelOutput output = new(OutputLayout.EndToEnd, 10, 4);
        output[3, 5] = classId; // Score 0: padding behind the last detection may hold anything.
        Assert.Empty(output.Decode(new DecodingOptions(), Square));
        output[3, 4] = 0.9f;
        InferenceException error = Assert.Throws<InferenceException>(() => output.Decode(new DecodingOptions(), Square));
        Assert.Contains(
            $"gave {text} as the class of detection 3 of 10; wanted is a whole number from 0 to 3.", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(OutputLayout.ChannelsFirst, 84, 8400, 79, "rows")]
    [InlineData(OutputLayout.AnchorsFirst, 25200, 84, 80, "columns")]
    [InlineData(OutputLayout.EndToEnd, 300, 7, 80, "columns")]
    [InlineData(OutputLayout.ChannelsFirst, 0, 8400, 80, "rows")]
    [InlineData(OutputLayout.ChannelsFirst, 84, -1, 80, "columns")]
    [InlineData(OutputLayout.EndToEnd, 300, 6, 0, "classCount")]
    [InlineData(OutputLayout.ChannelsFirst, 6, 1_000_000_000, 2, "rows")]
    [InlineData(OutputLayout.ChannelsFirst, 6, 8400, int.MaxValue, "rows")]
    [InlineData((OutputLayout)3, 300, 6, 80, "layout")]
    public void Refuses_shapes_that_the_layout_has_not(OutputLayout layout, int rows, int columns, int classCount, string parameter)
    {
        ArgumentException error = Assert.ThrowsAny<ArgumentException>(
            () => new DetectionDecoder(layout, rows, columns, classCount, TensorElementType.Float32, new DecodingOptions()));
        Assert.Equal(parameter, error.ParamName);
    }

    [Fact]
    public void Refuses_integers() => Assert.Throws<ArgumentException>(
        "elementType", () => new DetectionDecoder(OutputLayout.EndToEnd, 300, 6, 80, TensorElementType.UInt8, new DecodingOptions()));

    [Fact]
    public void Refuses_spans_of_wrong_size_and_a_default_letterbox()
    {
        DetectionDecoder decoder = new(OutputLayout.EndToEnd, 300, 6, 80, TensorElementType.Float16, new DecodingOptions { MaxDetections = 100 });
        Assert.Equal(3600, decoder.OutputBytes);
        Assert.Equal(100, decoder.MaxDetections);
        byte[] output = new byte[3600];
        Detection[] detections = new Detection[100];
        Assert.Throws<ArgumentException>("output", () => decoder.Decode(output.AsSpan(2), in Square, detections));
        Assert.Throws<ArgumentException>("output", () => decoder.Decode(new byte[3602], in Square, detections));
        Assert.Throws<ArgumentException>("detections", () => decoder.Decode(output, in Square, detections.AsSpan(1)));
        Assert.Throws<ArgumentException>("letterbox", () => decoder.Decode(output, default, detections));
        Assert.Equal(0, decoder.Decode(output, in Square, detections));
    }

    [Theory]
    [InlineData(-0.001f)]
    [InlineData(1.001f)]
    [InlineData(float.NaN)]
    public void Refuses_thresholds_outside_0_to_1(float value)
    {
        ArgumentOutOfRangeException score = Assert.Throws<ArgumentOutOfRangeException>(() => new DecodingOptions { ScoreThreshold = value });
        Assert.Equal("ScoreThreshold", score.ParamName);
        Assert.Contains($"is {Text(value)}; wanted is 0 to 1", score.Message, StringComparison.Ordinal);
        Assert.Equal("IouThreshold", Assert.Throws<ArgumentOutOfRangeException>(() => new DecodingOptions { IouThreshold = value }).ParamName);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-5)]
    [InlineData(30_001)]
    public void Refuses_a_number_of_detections_outside_1_to_30000(int value)
    {
        ArgumentOutOfRangeException error = Assert.Throws<ArgumentOutOfRangeException>(() => new DecodingOptions { MaxDetections = value });
        Assert.Equal("MaxDetections", error.ParamName);
        Assert.Contains($"{value}; wanted is 1 to 30000", error.Message, StringComparison.Ordinal);
    }

    private static IEnumerable<int> Places(int anchors) => anchors < 100 ? Enumerable.Range(0, anchors) : [0, 1, 2040, 2047, 2048, anchors - 1];

    private static string Text(float value) => FormattableString.Invariant($"{value}");
}
