using System.Collections.Immutable;

namespace YoloZeroCopy.Tests;

/// <summary>One object that a fake detector finds: centre and size in pixels of the input.</summary>
/// <remarks>The anchor is where in the output it stands: an anchor or, of finished detections, a row.</remarks>
public sealed record FakeObject(int Anchor, float CentreX, float CentreY, float Width, float Height, int ClassId, float Score);

/// <summary>What <see cref="OnnxModelBuilder.Detector"/> builds.</summary>
public sealed record FakeDetector
{
    /// <summary>Layout of the output.</summary>
    public OutputLayout Layout { get; init; } = OutputLayout.ChannelsFirst;

    /// <summary>Number of classes.</summary>
    public int Classes { get; init; } = 3;

    /// <summary>Width of the input in pixels, a multiple of 32.</summary>
    public int Width { get; init; } = 64;

    /// <summary>Height of the input in pixels, a multiple of 32.</summary>
    public int Height { get; init; } = 64;

    /// <summary>
    /// Whether height and width are symbolic in the file. The output still has the anchors of <see cref="Width"/> and <see cref="Height"/>.
    /// </summary>
    public bool Dynamic { get; init; } = true;

    /// <summary>Fixed batch size; 0 for a symbolic one.</summary>
    public int Batch { get; init; }

    /// <summary>Type of the input; the output is float16 when it is float16, else float.</summary>
    public OnnxType Type { get; init; } = OnnxType.Float;

    /// <summary>Rows of an end-to-end output.</summary>
    public int MaxDetections { get; init; } = 300;

    /// <summary>How much the mean of a picture raises the scores.</summary>
    public float Sensitivity { get; init; } = 0.1f;

    /// <summary>Whether to write Ultralytics' metadata: names (<c>part0</c>, <c>part1</c> ...), imgsz, stride, task.</summary>
    public bool WithMetadata { get; init; } = true;

    /// <summary>What it finds in every picture.</summary>
    public ImmutableArray<FakeObject> Objects { get; init; } = [new(5, 20, 24, 16, 12, 1, 0.75f), new(17, 44, 40, 10, 20, 2, 0.5f)];

    /// <summary>Anchors of the input at strides 8, 16 and 32.</summary>
    public int Cells => (Width / 8 * (Height / 8)) + (Width / 16 * (Height / 16)) + (Width / 32 * (Height / 32));

    /// <summary>Shape of one picture's output.</summary>
    public (int Rows, int Columns) Shape => Layout switch
    {
        OutputLayout.ChannelsFirst => (4 + Classes, Cells),
        OutputLayout.AnchorsFirst => (3 * Cells, 5 + Classes),
        _ => (MaxDetections, 6),
    };

    /// <summary>The output for a picture of zeros, row by row.</summary>
    public float[] Output()
    {
        float[] output = new float[Shape.Rows * Shape.Columns];
        foreach (FakeObject item in Objects)
        {
            if (Layout == OutputLayout.EndToEnd)
            {
                float[] row =
                [
                    item.CentreX - (item.Width / 2), item.CentreY - (item.Height / 2), item.CentreX + (item.Width / 2), item.CentreY
                        + (item.Height / 2),
                    item.Score, item.ClassId,
                ];
                row.CopyTo(output, Index(item.Anchor, 0));
                continue;
            }

            output[Index(item.Anchor, 0)] = item.CentreX;
            output[Index(item.Anchor, 1)] = item.CentreY;
            output[Index(item.Anchor, 2)] = item.Width;
            output[Index(item.Anchor, 3)] = item.Height;
            if (Layout == OutputLayout.AnchorsFirst)
            {
                output[Index(item.Anchor, 4)] = 1;
            }

            output[ScoreIndex(item)] = item.Score;
        }

        return output;
    }

    /// <summary>What a picture whose values are all 1 adds to the output.</summary>
    public float[] Raise()
    {
        float[] raise = new float[Shape.Rows * Shape.Columns];
        foreach (FakeObject item in Objects)
        {
            raise[ScoreIndex(item)] = Sensitivity;
        }

        return raise;
    }

    internal OnnxModelBuilder AddMetadata(OnnxModelBuilder builder)
    {
        builder.Metadata("names", $"{{{string.Join(", ", Enumerable.Range(0, Classes).Select(static id => $"{id}: 'part{id}'"))}}}")
            .Metadata("imgsz", $"[{Height}, {Width}]").Metadata("stride", "32").Metadata("task", "detect");
        return Layout == OutputLayout.EndToEnd ? builder.Metadata("end2end", "True") : builder;
    }

    private int ScoreIndex(FakeObject item) => Layout switch
    {
        OutputLayout.ChannelsFirst => Index(item.Anchor, 4 + item.ClassId),
        OutputLayout.AnchorsFirst => Index(item.Anchor, 5 + item.ClassId),
        _ => Index(item.Anchor, 4),
    };

    private int Index(int anchor, int value) => Layout == OutputLayout.ChannelsFirst ? (value * Shape.Columns) + anchor : (anchor * Shape.Columns)
        + value;
}
