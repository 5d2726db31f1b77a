using System.Diagnostics.CodeAnalysis;

namespace YoloZeroCopy;

/// <content>Saying which value of an output is none that a detector gives.</content>
internal sealed partial class DetectionDecoder
{
    private static readonly string[] CentreBox = ["centre x", "centre y", "width", "height"];
    private static readonly string[] CornerBox = ["x1", "y1", "x2", "y2"];

    private void ThrowIfNotFinite(string[] names, int anchor, float first, float second, float third, float fourth)
    {
        if (!(((first * 0) + (second * 0) + (third * 0) + (fourth * 0)) == 0))
        {
            ReadOnlySpan<float> box = [first, second, third, fourth];
            int wrong = IndexOfNotFinite(box);
            ThrowNotFinite($"{names[wrong]} of the box", box[wrong], anchor);
        }
    }

    /// <summary>Says which score of a block is the one that the scan met: of the lowest anchor, of its lowest class.</summary>
    [DoesNotReturn]
    private void ThrowNotFiniteScore(ReadOnlySpan<byte> output, int first, int count)
    {
        for (int anchor = first; anchor < first + count; anchor++)
        {
            for (int classId = 0; classId < classCount; classId++)
            {
                float score = Read(output, ((4 + classId) * anchors) + anchor);
                if (!float.IsFinite(score))
                {
                    ThrowNotFinite($"score of class {classId}", score, anchor);
                }
            }
        }

        // Only when someone writes to the output while it is decoded.
        throw new InferenceException(
            $"The model gave a score that is not finite among anchors {first} to {first + count - 1} of {anchors}, "
                + $"and the output changed while it was read.");
    }

    [DoesNotReturn]
    private void ThrowNotFinite(string what, float value, int anchor) =>
        throw new InferenceException(
            FormattableString.Invariant($"The model gave {value} as the {what} at anchor {anchor} of {anchors}; wanted is a finite number."));

    private static int IndexOfNotFinite(ReadOnlySpan<float> values)
    {
        for (int i = 0; i < values.Length; i++)
        {
            if (!float.IsFinite(values[i]))
            {
                return i;
            }
        }

        return 0;
    }
}
