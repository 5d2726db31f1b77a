using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace YoloZeroCopy;

/// <summary>Greedy non-maximum suppression: the best candidate stays, those of its class that overlap it too much go, and so on down the
/// ranks.</summary>
/// <remarks>
/// One thread at a time. A candidate is compared with the boxes kept so far, and only with those of its class, so the work is candidates times kept
/// boxes of a class and ends as soon as enough boxes are kept. Ultralytics keeps classes apart by moving each class's boxes by 7680 pixels times its
/// id; that costs float precision (1/16 pixel from class 69 on) and fails on larger inputs. Comparing within a class is what that trick stands for.
/// </remarks>
internal sealed class NonMaximumSuppression
{
    private readonly float iouThreshold;
    private readonly int maxDetections;
    private readonly bool classAgnostic;

    // The kept boxes of a class lie together, from bucketStart to bucketEnd, in five arrays that end in room for one vector.
    private readonly int[] bucketStart;
    private readonly int[] bucketEnd;
    private readonly float[] keptX1;
    private readonly float[] keptY1;
    private readonly float[] keptX2;
    private readonly float[] keptY2;
    private readonly float[] keptArea;

    public NonMaximumSuppression(int anchors, int classCount, DecodingOptions options)
    {
        iouThreshold = options.IouThreshold;
        maxDetections = options.MaxDetections;
        classAgnostic = options.ClassAgnostic;
        int buckets = classAgnostic ? 1 : classCount;
        bucketStart = new int[buckets];
        bucketEnd = new int[buckets];
        int capacity = Math.Min(anchors, DecodingOptions.CandidateLimit) + Vector256<float>.Count;
        keptX1 = new float[capacity];
        keptY1 = new float[capacity];
        keptX2 = new float[capacity];
        keptY2 = new float[capacity];
        keptArea = new float[capacity];
    }

    /// <summary>Writes the ranks of the candidates that stay, best first, and returns how many.</summary>
    public int Run(CandidateList candidates, Span<int> keptRanks)
    {
        int count = Math.Min(candidates.Count, DecodingOptions.CandidateLimit);
        LayOutBuckets(candidates, count);
        int kept = 0;
        for (int rank = 0; rank < count; rank++)
        {
            ref readonly Candidate candidate = ref candidates[rank];
            int bucket = classAgnostic ? 0 : candidate.ClassId;
            float area = (candidate.X2 - candidate.X1) * (candidate.Y2 - candidate.Y1);
            if (OverlapsOne(bucketStart[bucket], bucketEnd[bucket], in candidate, area))
            {
                continue;
            }

            int at = bucketEnd[bucket]++;
            keptX1[at] = candidate.X1;
            keptY1[at] = candidate.Y1;
            keptX2[at] = candidate.X2;
            keptY2[at] = candidate.Y2;
            keptArea[at] = area;
            keptRanks[kept++] = rank;
            if (kept == maxDetections)
            {
                break;
            }
        }

        return kept;
    }

    /// <summary>Gives every class a part of the arrays as long as its candidates, so that it cannot overflow.</summary>
    private void LayOutBuckets(CandidateList candidates, int count)
    {
        Array.Clear(bucketEnd);
        if (!classAgnostic)
        {
            for (int rank = 0; rank < count; rank++)
            {
                bucketEnd[candidates[rank].ClassId]++;
            }
        }

        int start = 0;
        for (int bucket = 0; bucket < bucketStart.Length; bucket++)
        {
            int size = bucketEnd[bucket];
            bucketStart[bucket] = start;
            bucketEnd[bucket] = start;
            start += size;
        }
    }

    /// <summary>True when one of the kept boxes in [start, end) overlaps the candidate by more than the threshold.</summary>
    /// <remarks>
    /// All in binary32 and in this order: intersection / (area + area - intersection). Two boxes without area give 0 / 0, which is above no
    /// threshold.
    /// </remarks>
    private bool OverlapsOne(int start, int end, in Candidate candidate, float candidateArea)
    {
        Vector256<float> x1 = Vector256.Create(candidate.X1);
        Vector256<float> y1 = Vector256.Create(candidate.Y1);
        Vector256<float> x2 = Vector256.Create(candidate.X2);
        Vector256<float> y2 = Vector256.Create(candidate.Y2);
        Vector256<float> area = Vector256.Create(candidateArea);
        Vector256<float> threshold = Vector256.Create(iouThreshold);
        Vector256<int> limit = Vector256.Create(end);
        Vector256<int> position = Vector256<int>.Indices + Vector256.Create(start);
        for (int at = start; at < end; at += Vector256<float>.Count)
        {
            nuint offset = (nuint)at;
            Vector256<float> left = Vector256.MaxNative(Load(keptX1, offset), x1);
            Vector256<float> top = Vector256.MaxNative(Load(keptY1, offset), y1);
            Vector256<float> right = Vector256.MinNative(Load(keptX2, offset), x2);
            Vector256<float> bottom = Vector256.MinNative(Load(keptY2, offset), y2);
            Vector256<float> width = Vector256.MaxNative(right - left, Vector256<float>.Zero);
            Vector256<float> height = Vector256.MaxNative(bottom - top, Vector256<float>.Zero);
            Vector256<float> intersection = width * height;
            Vector256<float> iou = intersection / (Load(keptArea, offset) + area - intersection);
            // Lanes from the end on belong to another class or to none.
            Vector256<int> above = Vector256.GreaterThan(iou, threshold).AsInt32() & Vector256.LessThan(position, limit);
            if (above != Vector256<int>.Zero)
            {
                return true;
            }

            position += Vector256.Create(Vector256<float>.Count);
        }

        return false;
    }

    private static Vector256<float> Load(float[] values, nuint offset) =>
        Vector256.LoadUnsafe(ref MemoryMarshal.GetArrayDataReference(values), offset);
}
