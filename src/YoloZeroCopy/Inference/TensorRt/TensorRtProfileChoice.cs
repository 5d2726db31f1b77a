using System.Collections.Immutable;
using YoloZeroCopy.Interop;

namespace YoloZeroCopy;

/// <summary>Input shapes that a profile takes: the smallest, the one it is tuned for, the largest.</summary>
internal readonly record struct TensorRtShapeRange(ImmutableArray<long> Min, ImmutableArray<long> Opt, ImmutableArray<long> Max);

/// <summary>The profile that an engine was opened with, and the input size in it.</summary>
/// <param name="Index">Number of the profile.</param>
/// <param name="Width">Width in pixels.</param>
/// <param name="Height">Height in pixels.</param>
/// <param name="MinBatch">Smallest batch.</param>
/// <param name="MaxBatch">Largest batch.</param>
internal sealed record TensorRtProfileChoice(int Index, int Width, int Height, int MinBatch, int MaxBatch)
{
    private const int Batch = 0;
    private const int Row = 2;
    private const int Column = 3;

    /// <summary>Chooses the smallest profile whose pictures are at least as large as asked; where nobody asks, as the metadata's <c>imgsz</c>, else
    /// as what the first profile is tuned for.</summary>
    /// <remarks>A profile of one size runs at that size. One with a range runs at the asked size where that is inside, else at the
    /// smallest.</remarks>
    /// <param name="path">File of the engine, for messages.</param>
    /// <param name="ranges">Smallest, tuned and largest input shape of each profile.</param>
    /// <param name="asked">Size that the caller asks for; null leaves it to the engine.</param>
    /// <param name="metadata">What stands before the plan.</param>
    /// <exception cref="ModelException">No profile is large enough.</exception>
    public static TensorRtProfileChoice Choose(
        string path,
        ImmutableArray<TensorRtShapeRange> ranges,
        (int Width, int Height)? asked,
        ImmutableDictionary<string, string> metadata)
    {
        (int Width, int Height) tuned = ((int)ranges[0].Opt[Column], (int)ranges[0].Opt[Row]);
        if (asked is (int, int) wanted)
        {
            return Smallest(ranges, wanted) ?? throw new ModelException(
                path, $"an input of {wanted.Width}x{wanted.Height} pixels was asked, and it is built for {string.Join("; ", ranges.Select(Show))}. "
                    + $"Build it with that size, or leave InputSize (`--imgsz`) out.");
        }

        bool said = ModelMetadata.TryReadImageSize(metadata.GetValueOrDefault("imgsz"), out (int Width, int Height) size);
        return (said ? Smallest(ranges, size) : null) ?? Smallest(ranges, tuned)!;
    }

    /// <summary>A profile's range for people.</summary>
    public static string Show(TensorRtShapeRange range)
    {
        string smallest = FormattableString.Invariant($"{range.Min[Column]}x{range.Min[Row]}");
        string largest = FormattableString.Invariant($"{range.Max[Column]}x{range.Max[Row]}");
        string sizes = smallest == largest ? largest : $"{smallest} to {largest}";
        return FormattableString.Invariant($"{sizes}, batch {range.Min[Batch]} to {range.Max[Batch]}");
    }

    /// <summary>Reads the ranges of an input from a plan.</summary>
    public static ImmutableArray<TensorRtShapeRange> RangesOf(TensorRtPlan plan, TensorRtTensor input)
    {
        // A model without free dimensions has a profile of TensorRT's own, whose shapes it may not tell.
        if (input.Shape.All(static dimension => dimension >= 0))
        {
            return [new TensorRtShapeRange(input.Shape, input.Shape, input.Shape)];
        }

        return
        [
            .. Enumerable.Range(0, plan.ProfileCount).Select(profile => new TensorRtShapeRange(
                plan.ProfileShape(input.Name, profile, TrtSelect.Min), plan.ProfileShape(input.Name, profile, TrtSelect.Opt),
                    plan.ProfileShape(input.Name, profile, TrtSelect.Max))),
        ];
    }

    private static TensorRtProfileChoice? Smallest(
        ImmutableArray<TensorRtShapeRange> ranges, (int Width, int Height) wanted)
    {
        TensorRtProfileChoice? best = null;
        for (int index = 0; index < ranges.Length; index++)
        {
            (ImmutableArray<long> min, _, ImmutableArray<long> max) = ranges[index];
            if (max[Column] < wanted.Width || max[Row] < wanted.Height)
            {
                continue;
            }

            TensorRtProfileChoice choice = new(
                index, (int)Math.Max(min[Column], wanted.Width), (int)Math.Max(min[Row], wanted.Height), (int)min[Batch], (int)max[Batch]);
            if (best is null || (long)choice.Width * choice.Height < (long)best.Width * best.Height)
            {
                best = choice;
            }
        }

        return best;
    }
}
