using BenchmarkDotNet.Attributes;

namespace YoloZeroCopy.Benchmarks;

/// <summary>Ranking and non-maximum suppression of candidates that are found already, beside comparing every one with every better one.</summary>
[MemoryDiagnoser]
public class SuppressionBenchmarks
{
    private const int Classes = 80;
    private const int InputSize = 640;

    private readonly DecodingOptions options = new();
    private readonly int[] kept = new int[300];
    private Candidate[] found = [];
    private CandidateList candidates = new(1);
    private NonMaximumSuppression suppression = null!;
    private bool[] gone = [];

    [Params(100, 1000, 8400)]
    public int Candidates { get; set; }

    /// <summary>Boxes all over the picture, or a few objects with many boxes each, as a model gives them.</summary>
    [Params("all over", "in clusters")]
    public string Where { get; set; } = "all over";

    [GlobalSetup]
    public void Setup()
    {
        Random random = new(1);
        (float X, float Y)[] objects = [.. Enumerable.Range(0, 20).Select(_ => (random.NextSingle() * InputSize, random.NextSingle() * InputSize))];
        found = new Candidate[Candidates];
        for (int index = 0; index < found.Length; index++)
        {
            int which = random.Next(objects.Length);
            bool isClustered = Where == "in clusters";
            float x = isClustered ? objects[which].X + (random.NextSingle() * 6) : random.NextSingle() * InputSize;
            float y = isClustered ? objects[which].Y + (random.NextSingle() * 6) : random.NextSingle() * InputSize;
            found[index] = new Candidate(isClustered ? which : random.Next(Classes), 0.25f + (random.NextSingle() * 0.75f), x, y, x + 60, y + 60);
        }

        candidates = new CandidateList(Candidates);
        suppression = new NonMaximumSuppression(Candidates, Classes, options);
        gone = new bool[Candidates];
    }

    [Benchmark]
    public int Suppression()
    {
        candidates.Clear();
        foreach (ref readonly Candidate candidate in found.AsSpan())
        {
            candidates.Add(in candidate);
        }

        candidates.Rank();
        return suppression.Run(candidates, kept);
    }

    /// <summary>The ordinary way: sort, and compare each that is left with all behind it.</summary>
    [Benchmark(Baseline = true)]
    public int Each_with_each()
    {
        Candidate[] sorted = [.. found.OrderByDescending(static candidate => candidate.Score)];
        Array.Clear(gone);
        int count = 0;
        for (int index = 0; index < sorted.Length && count < kept.Length; index++)
        {
            if (gone[index])
            {
                continue;
            }

            kept[count++] = index;
            for (int other = index + 1; other < sorted.Length; other++)
            {
                gone[other] |= sorted[other].ClassId == sorted[index].ClassId && Overlap(in sorted[index], in sorted[other]) > options.IouThreshold;
            }
        }

        return count;
    }

    private static float Overlap(in Candidate one, in Candidate other)
    {
        float width = Math.Max(0, Math.Min(one.X2, other.X2) - Math.Max(one.X1, other.X1));
        float height = Math.Max(0, Math.Min(one.Y2, other.Y2) - Math.Max(one.Y1, other.Y1));
        float both = width * height;
        return both / (((one.X2 - one.X1) * (one.Y2 - one.Y1)) + ((other.X2 - other.X1) * (other.Y2 - other.Y1)) - both);
    }
}
