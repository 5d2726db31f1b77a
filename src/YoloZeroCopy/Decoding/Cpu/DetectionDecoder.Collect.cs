using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace YoloZeroCopy;

/// <content>Finding the candidates in each layout.</content>
internal sealed partial class DetectionDecoder
{
    /// <summary>Layout <c>[4 + C, A]</c>: the running best of all classes for a block of anchors, then the few that are above the
    /// threshold.</summary>
    private void CollectByChannel(ReadOnlySpan<byte> output)
    {
        for (int first = 0; first < anchors; first += BlockAnchors)
        {
            int count = Math.Min(BlockAnchors, anchors - first);
            Span<float> blockBest = best.AsSpan(0, count);
            bool finite = isHalf
                ? FindBestOfHalves(MemoryMarshal.Cast<byte, short>(output), first, blockBest)
                : FindBest(MemoryMarshal.Cast<byte, float>(output), first, blockBest);
            if (!finite)
            {
                ThrowNotFiniteScore(output, first, count);
            }

            CollectBlock(output, first, blockBest);
        }
    }

    private bool FindBest(ReadOnlySpan<float> output, int first, Span<float> blockBest)
    {
        bool finite = true;
        blockBest.Fill(float.NegativeInfinity);
        for (int classId = 0; classId < classCount; classId += 4)
        {
            finite &= ScoreScan.RaiseToBest(
                ScoresOf(output, classId, first, blockBest.Length),
                ScoresOf(output, classId + 1, first, blockBest.Length),
                ScoresOf(output, classId + 2, first, blockBest.Length),
                ScoresOf(output, classId + 3, first, blockBest.Length),
                blockBest);
        }

        return finite;
    }

    private bool FindBestOfHalves(ReadOnlySpan<short> output, int first, Span<float> blockBest)
    {
        bool finite = true;
        Span<short> blockBits = bestBits.AsSpan(0, blockBest.Length);
        blockBits.Fill(short.MinValue);
        for (int classId = 0; classId < classCount; classId += 4)
        {
            finite &= ScoreScan.RaiseToBest(
                ScoresOf(output, classId, first, blockBits.Length),
                ScoresOf(output, classId + 1, first, blockBits.Length),
                ScoresOf(output, classId + 2, first, blockBits.Length),
                ScoresOf(output, classId + 3, first, blockBits.Length),
                blockBits);
        }

        HalfToSingle.Convert(MemoryMarshal.Cast<short, ushort>(blockBits), blockBest);
        return finite;
    }

    /// <summary>One class's scores of a block of anchors; past the last class the last one's again.</summary>
    private ReadOnlySpan<T> ScoresOf<T>(ReadOnlySpan<T> output, int classId, int first, int count) =>
        output.Slice(((4 + Math.Min(classId, classCount - 1)) * anchors) + first, count);

    private void CollectBlock(ReadOnlySpan<byte> output, int first, ReadOnlySpan<float> blockBest)
    {
        Vector256<float> threshold = Vector256.Create(scoreThreshold);
        int at = 0;
        for (; at <= blockBest.Length - Vector256<float>.Count; at += Vector256<float>.Count)
        {
            uint above = Vector256.GreaterThan(Vector256.Create(blockBest[at..]), threshold).ExtractMostSignificantBits();
            for (; above != 0; above &= above - 1)
            {
                int lane = BitOperations.TrailingZeroCount(above);
                AddChannelCandidate(output, first + at + lane, blockBest[at + lane]);
            }
        }

        for (; at < blockBest.Length; at++)
        {
            if (blockBest[at] > scoreThreshold)
            {
                AddChannelCandidate(output, first + at, blockBest[at]);
            }
        }
    }

    private void AddChannelCandidate(ReadOnlySpan<byte> output, int anchor, float score)
    {
        // The scan keeps no class, because few anchors need one: look again for the first class that has this score.
        int classId = 0;
        if (isHalf)
        {
            ReadOnlySpan<ushort> halves = MemoryMarshal.Cast<byte, ushort>(output);
            ushort bits = BitConverter.HalfToUInt16Bits((Half)score);
            while (halves[((4 + classId) * anchors) + anchor] != bits)
            {
                classId++;
            }
        }
        else
        {
            ReadOnlySpan<float> floats = MemoryMarshal.Cast<byte, float>(output);
            while (floats[((4 + classId) * anchors) + anchor] != score)
            {
                classId++;
            }
        }

        if (!Counts(classId))
        {
            return;
        }

        float centreX = Read(output, anchor);
        float centreY = Read(output, anchors + anchor);
        float width = Read(output, (2 * anchors) + anchor);
        float height = Read(output, (3 * anchors) + anchor);
        AddCentreBox(anchor, classId, score, centreX, centreY, width, height);
    }

    /// <summary>Layouts <c>[A, 5 + C]</c> and <c>[K, 6]</c>: one row for each anchor.</summary>
    private void CollectByRow(ReadOnlySpan<byte> output)
    {
        int rowsOfBlock = Math.Max(1, BlockElements / columns);
        for (int first = 0; first < anchors; first += rowsOfBlock)
        {
            int count = Math.Min(rowsOfBlock, anchors - first);
            ReadOnlySpan<float> block = ReadFloats(output, first * columns, count * columns);
            for (int i = 0; i < count; i++)
            {
                ReadOnlySpan<float> row = block.Slice(i * columns, columns);
                if (layout == OutputLayout.AnchorsFirst)
                {
                    CollectAnchor(row, first + i);
                }
                else
                {
                    CollectFinished(row, first + i);
                }
            }
        }
    }

    /// <summary>A row of box, objectness and class scores.</summary>
    private void CollectAnchor(ReadOnlySpan<float> row, int anchor)
    {
        ReadOnlySpan<float> scores = row[5..];
        float objectness = row[4];
        bool finite = ScoreScan.TryBest(scores, out float bestScore);
        if (!float.IsFinite(objectness))
        {
            ThrowNotFinite("objectness", objectness, anchor);
        }

        if (!finite)
        {
            int wrong = IndexOfNotFinite(scores);
            ThrowNotFinite($"score of class {wrong}", scores[wrong], anchor);
        }

        // A product of two floats rounds up or down with its factors, so the best class score gives the best product.
        float score = objectness * bestScore;
        if (!(objectness > scoreThreshold) || !(score > scoreThreshold))
        {
            return;
        }

        // Rounding can make products equal whose factors are not: the lowest id among equal products counts.
        int classId = 0;
        while (objectness * scores[classId] != score)
        {
            classId++;
        }

        if (Counts(classId))
        {
            AddCentreBox(anchor, classId, score, row[0], row[1], row[2], row[3]);
        }
    }

    /// <summary>A row that is a finished detection: corners, score, class.</summary>
    private void CollectFinished(ReadOnlySpan<float> row, int anchor)
    {
        float score = row[4];
        if (!float.IsFinite(score))
        {
            ThrowNotFinite("score", score, anchor);
        }

        if (!(score > scoreThreshold))
        {
            return;
        }

        // Range first: it fails for NaN, and makes the conversion safe.
        float classId = row[5];
        if (!(classId >= 0 && classId < classCount) || classId != (int)classId)
        {
            throw new InferenceException(FormattableString.Invariant(
                $"The model gave {classId} as the class of detection {anchor} of {anchors}; wanted is a whole number from 0 to {classCount - 1}."));
        }

        if (!Counts((int)classId))
        {
            return;
        }

        ThrowIfNotFinite(CornerBox, anchor, row[0], row[1], row[2], row[3]);
        selection.Candidates.Add(new Candidate((int)classId, score, row[0], row[1], row[2], row[3]));
    }

    private void AddCentreBox(int anchor, int classId, float score, float centreX, float centreY, float width, float height)
    {
        ThrowIfNotFinite(CentreBox, anchor, centreX, centreY, width, height);
        if (!float.IsFinite(score))
        {
            ThrowNotFinite("product of objectness and class score", score, anchor);
        }

        float halfWidth = width / 2;
        float halfHeight = height / 2;
        selection.Candidates.Add(new Candidate(classId, score, centreX - halfWidth, centreY - halfHeight, centreX + halfWidth, centreY + halfHeight));
    }

    /// <summary>Elements of the output as floats: the output itself, or converted where it is half.</summary>
    private ReadOnlySpan<float> ReadFloats(ReadOnlySpan<byte> output, int start, int count)
    {
        if (!isHalf)
        {
            return MemoryMarshal.Cast<byte, float>(output).Slice(start, count);
        }

        HalfToSingle.Convert(MemoryMarshal.Cast<byte, ushort>(output).Slice(start, count), converted);
        return converted.AsSpan(0, count);
    }

    private float Read(ReadOnlySpan<byte> output, int index) =>
        isHalf ? (float)MemoryMarshal.Cast<byte, Half>(output)[index] : MemoryMarshal.Cast<byte, float>(output)[index];
}
