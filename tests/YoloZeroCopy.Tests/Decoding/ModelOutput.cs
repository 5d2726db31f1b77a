using System.Runtime.InteropServices;

namespace YoloZeroCopy.Tests;

/// <summary>One picture's output of an imaginary model, written by anchor whatever the layout is.</summary>
internal sealed class ModelOutput
{
    public ModelOutput(OutputLayout layout, int anchors, int classCount)
    {
        Layout = layout;
        Anchors = anchors;
        ClassCount = classCount;
        (Rows, Columns) = layout switch
        {
            OutputLayout.ChannelsFirst => (4 + classCount, anchors),
            OutputLayout.AnchorsFirst => (anchors, 5 + classCount),
            _ => (anchors, 6),
        };
        Values = new float[Rows * Columns];
    }

    public OutputLayout Layout { get; }

    public int Anchors { get; }

    public int ClassCount { get; }

    public int Rows { get; }

    public int Columns { get; }

    public float[] Values { get; }

    /// <summary>Channel of an anchor: 0 to 3 the box, then what the layout has.</summary>
    public ref float this[int anchor, int channel] =>
        ref Layout == OutputLayout.ChannelsFirst ? ref Values[(channel * Anchors) + anchor] : ref Values[(anchor * Columns) + channel];

    /// <summary>Channel of the first class score.</summary>
    public int FirstScore => Layout == OutputLayout.ChannelsFirst ? 4 : 5;

    public void SetBox(int anchor, float a, float b, float c, float d) =>
        (this[anchor, 0], this[anchor, 1], this[anchor, 2], this[anchor, 3]) = (a, b, c, d);

    /// <summary>An anchor with one class score; of the layout's other values, the ones that leave the score as it is.</summary>
    public void Set(int anchor, float a, float b, float c, float d, int classId, float score)
    {
        SetBox(anchor, a, b, c, d);
        switch (Layout)
        {
            case OutputLayout.ChannelsFirst:
                this[anchor, 4 + classId] = score;
                break;
            case OutputLayout.AnchorsFirst:
                this[anchor, 4] = 1;
                this[anchor, 5 + classId] = score;
                break;
            default:
                this[anchor, 4] = score;
                this[anchor, 5] = classId;
                break;
        }
    }

    /// <summary>Random boxes around a few places, so that many overlap, with about <paramref name="candidates"/> scores above 0.25 and ties among
    /// them.</summary>
    public static ModelOutput Random(OutputLayout layout, int anchors, int classCount, int candidates, int inputSize, int seed)
    {
        Random random = new(seed);
        ModelOutput output = new(layout, anchors, classCount);
        for (int anchor = 0; anchor < anchors; anchor++)
        {
            float x = (random.Next(12) * inputSize / 12f) + (random.NextSingle() * 12);
            float y = (random.Next(12) * inputSize / 12f) + (random.NextSingle() * 12);
            float w = 10 + (random.NextSingle() * 80);
            float h = 10 + (random.NextSingle() * 80);
            bool above = random.Next(anchors) < candidates;
            // Steps of 1/64 make equal scores common.
            float score = above ? (17 + random.Next(47)) / 64f : random.NextSingle() * 0.25f;
            int classId = random.Next(classCount);
            if (layout == OutputLayout.EndToEnd)
            {
                output.Set(anchor, x - (w / 2), y - (h / 2), x + (w / 2), y + (h / 2), classId, score);
                continue;
            }

            output.SetBox(anchor, x, y, w, h);
            for (int c = 0; c < classCount; c++)
            {
                output[anchor, output.FirstScore + c] = random.NextSingle() * 0.2f;
            }

            output[anchor, output.FirstScore + classId] = score;
            if (above && random.Next(4) == 0)
            {
                // A second class with the very same score.
                output[anchor, output.FirstScore + random.Next(classCount)] = score;
            }

            if (layout == OutputLayout.AnchorsFirst)
            {
                output[anchor, 4] = random.Next(3) == 0 ? random.NextSingle() : 0.9f + (random.NextSingle() * 0.1f);
            }
        }

        return output;
    }

    public byte[] ToBytes(TensorElementType elementType) => elementType == TensorElementType.Float32
        ? MemoryMarshal.AsBytes(Values.AsSpan()).ToArray()
        : MemoryMarshal.AsBytes(Values.Select(value => (Half)value).ToArray().AsSpan()).ToArray();

    /// <summary>The same output with every value rounded to half.</summary>
    public ModelOutput RoundedToHalf()
    {
        ModelOutput rounded = new(Layout, Anchors, ClassCount);
        for (int i = 0; i < Values.Length; i++)
        {
            rounded.Values[i] = (float)(Half)Values[i];
        }

        return rounded;
    }

    public DetectionDecoder CreateDecoder(DecodingOptions options, TensorElementType elementType = TensorElementType.Float32) =>
        new(Layout, Rows, Columns, ClassCount, elementType, options);

    public Detection[] Decode(DecodingOptions options, Letterbox letterbox, TensorElementType elementType = TensorElementType.Float32)
    {
        DetectionDecoder decoder = CreateDecoder(options, elementType);
        Detection[] detections = new Detection[decoder.MaxDetections];
        int count = decoder.Decode(ToBytes(elementType), in letterbox, detections);
        return detections[..count];
    }
}
