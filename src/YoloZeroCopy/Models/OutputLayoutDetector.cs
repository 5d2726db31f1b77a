using System.Diagnostics.CodeAnalysis;

namespace YoloZeroCopy;

/// <summary>Tells a detection output's layout from its shape and what the metadata says. A pure function of its arguments.</summary>
/// <remarks>
/// Anchors are counted from the input: a head of stride s has (W/s)(H/s) of them, and three times that in YOLOv5. Heads are at least two neighbours
/// of the powers of two from 4 up to the model's stride: 8, 16, 32 usually; 64 for P6 models, from 4 for P2 models, 16 and 32 for tiny ones. These
/// counts resolve what the shape alone leaves open, as <c>[N, A, 6]</c>, which is both YOLOv5 with one class and finished detections.
/// </remarks>
internal static class OutputLayoutDetector
{
    private const int BoxValues = 4;
    private const int AnchorsPerCellV5 = 3;
    private const int SmallestStride = 4;
    private const int EndToEndColumns = 6;

    /// <summary>Detects the layout.</summary>
    /// <param name="path">File of the model, for messages.</param>
    /// <param name="shape">The output's shape with its batch dimension; every other dimension is known.</param>
    /// <param name="inputWidth">Width of the input in pixels.</param>
    /// <param name="inputHeight">Height of the input in pixels.</param>
    /// <param name="classCount">Classes that the metadata names; 0 when it names none.</param>
    /// <param name="endToEnd">Whether the metadata says that detections are finished; null when it does not say.</param>
    /// <param name="stride">Largest stride of the network.</param>
    /// <returns>The layout, and the class count, which is 0 for finished detections without names.</returns>
    /// <exception cref="ModelException">It is none of the layouts, or could be several.</exception>
    public static (OutputLayout Layout, int ClassCount) Detect(
        string path, ReadOnlySpan<long> shape, int inputWidth, int inputHeight, int classCount, bool? endToEnd, int stride)
    {
        string dimensions = string.Join(',', shape.ToArray().Select(static (dimension, index) => index == 0 ? "N" : $"{dimension}"));
        string given = $"output [{dimensions}] for an input of {inputWidth}x{inputHeight}";
        if (shape.Length != 3 || shape[1] is < 1 or > int.MaxValue || shape[2] is < 1 or > int.MaxValue || shape[1] * shape[2] > int.MaxValue)
        {
            Throw(path, given, classCount, "three dimensions are wanted");
        }

        int rows = (int)shape[1];
        int columns = (int)shape[2];
        if (endToEnd == true)
        {
            if (columns == EndToEndColumns)
            {
                return (OutputLayout.EndToEnd, classCount);
            }

            Throw(path, given, classCount, "the metadata says that the model gives finished detections, [N,K,6]");
        }

        HashSet<long> anchorCounts = AnchorCounts(inputWidth, inputHeight, stride);
        bool channelsFirst = rows > BoxValues && anchorCounts.Contains(columns) && AgreesWith(classCount, rows - BoxValues);
        bool anchorsFirst = columns > BoxValues + 1 && IsV5Count(rows, anchorCounts)
            && AgreesWith(classCount, columns - BoxValues - 1);
        if (!channelsFirst && !anchorsFirst && classCount > 0)
        {
            // Heads of other strides: the class count alone still tells, unless both ways fit.
            channelsFirst = rows == BoxValues + classCount && columns != EndToEndColumns;
            anchorsFirst = columns == BoxValues + 1 + classCount && columns != EndToEndColumns;
        }

        if (channelsFirst && anchorsFirst)
        {
            Throw(path, given, classCount, "the shape fits both [N,4+C,A] and [N,A,5+C]; metadata with the class names would tell");
        }

        if (channelsFirst)
        {
            return (OutputLayout.ChannelsFirst, rows - BoxValues);
        }

        if (anchorsFirst)
        {
            return (OutputLayout.AnchorsFirst, columns - BoxValues - 1);
        }

        // Where no anchor count fits, six columns can only be finished detections.
        if (columns == EndToEndColumns && !anchorCounts.Contains(rows) && !IsV5Count(rows, anchorCounts))
        {
            return (OutputLayout.EndToEnd, classCount);
        }

        Throw(path, given, classCount, Hint(rows, columns, classCount, anchorCounts));
        return default;
    }

    /// <summary>Anchors per picture of every head a model of this stride may have, for one anchor a cell.</summary>
    internal static HashSet<long> AnchorCounts(int inputWidth, int inputHeight, int stride)
    {
        HashSet<long> counts = [];
        long sum = Cells(inputWidth, inputHeight, stride);
        for (int next = stride / 2; next >= SmallestStride; next /= 2)
        {
            sum += Cells(inputWidth, inputHeight, next);
            counts.Add(sum);
        }

        return counts;
    }

    private static long Cells(int width, int height, int stride) => (long)(width / stride) * (height / stride);

    private static bool IsV5Count(int rows, HashSet<long> anchorCounts) =>
        rows % AnchorsPerCellV5 == 0 && anchorCounts.Contains(rows / AnchorsPerCellV5);

    private static bool AgreesWith(int named, int found) => named == 0 || named == found;

    private static string Hint(int rows, int columns, int classCount, HashSet<long> anchorCounts)
    {
        if (anchorCounts.Contains(rows) && columns > BoxValues)
        {
            return "it looks like [N,A,4+C] or an undecoded head; export the model with decoded boxes as [N,4+C,A]";
        }

        int found = anchorCounts.Contains(columns) ? rows - BoxValues
            : IsV5Count(rows, anchorCounts) ? columns - BoxValues - 1
            : 0;
        return found > 0 && classCount > 0
            ? $"the shape says {found} classes, but the metadata names {classCount}"
            : $"the input implies one of {string.Join(", ", anchorCounts.Order())} anchors, or three times that for YOLOv5";
    }

    [DoesNotReturn]
    private static void Throw(string path, string given, int classCount, string reason)
    {
        string classes = classCount == 0 ? "no class names" : $"{classCount} class names";
        throw new ModelException(
            path,
            $"{given} with {classes} is no detection output this library knows ([N,4+C,A], [N,A,5+C] for YOLOv5, [N,K,6] end to end): {reason}.");
    }
}
