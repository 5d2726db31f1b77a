namespace YoloZeroCopy;

/// <summary>The candidates of one frame, added in anchor order and then ranked by score.</summary>
/// <remarks>One thread at a time. Room for every anchor is allocated once.</remarks>
internal sealed class CandidateList(int capacity)
{
    private readonly Candidate[] candidates = new Candidate[capacity];
    private readonly ScoreRanking ranking = new(capacity);

    public int Count => ranking.Count;

    public void Clear() => ranking.Clear();

    /// <summary>Adds a candidate; its score is above 0 and finite.</summary>
    public void Add(in Candidate candidate) => candidates[ranking.Add(candidate.Score)] = candidate;

    /// <summary>The candidate of a rank: 0 is the best once <see cref="Rank"/> has run.</summary>
    public ref readonly Candidate this[int rank] => ref candidates[ranking[rank]];

    /// <summary>Orders the candidates by score, descending, and by anchor where scores are equal.</summary>
    public void Rank() => ranking.Rank();
}
