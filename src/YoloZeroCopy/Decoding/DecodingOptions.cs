namespace YoloZeroCopy;

/// <summary>What of a model's output counts as a detection. The defaults are Ultralytics' own.</summary>
/// <remarks>Immutable; any thread. Every value is checked when it is set.</remarks>
internal sealed record DecodingOptions
{
    /// <summary>At most this many candidates, those with the highest scores, take part in non-maximum suppression.</summary>
    public const int CandidateLimit = 30_000;

    /// <summary>A candidate's score is above this, 0 to 1.</summary>
    public float ScoreThreshold
    {
        get;
        init => field = InUnitRange(value, nameof(ScoreThreshold));
    } = 0.25f;

    /// <summary>A candidate whose overlap with a better one of its class is above this, 0 to 1, is suppressed.</summary>
    public float IouThreshold
    {
        get;
        init => field = InUnitRange(value, nameof(IouThreshold));
    } = 0.7f;

    /// <summary>Most detections of one frame, those with the highest scores; 1 to <see cref="CandidateLimit"/>.</summary>
    public int MaxDetections
    {
        get;
        init => field = value is >= 1 and <= CandidateLimit
            ? value
            : throw new ArgumentOutOfRangeException(
                nameof(MaxDetections), value, $"{nameof(MaxDetections)} is {value}; wanted is 1 to {CandidateLimit}.");
    } = 300;

    /// <summary>True when boxes of different classes suppress each other, too.</summary>
    public bool ClassAgnostic { get; init; }

    /// <summary>Ids of the classes that count; null for all. An anchor whose best class is another is no candidate.</summary>
    public IReadOnlyList<int>? Classes { get; init; }

    /// <summary>For each class of a model whether it counts; null where all do.</summary>
    /// <exception cref="ArgumentException">One of <see cref="Classes"/> is none of the model's.</exception>
    public bool[]? CountingClasses(int classCount)
    {
        if (Classes is null)
        {
            return null;
        }

        bool[] counting = new bool[classCount];
        foreach (int classId in Classes)
        {
            if ((uint)classId >= (uint)classCount)
            {
                throw new ArgumentException($"{nameof(DetectorOptions.Classes)} has {classId}; the model's classes are 0 to {classCount - 1}.");
            }

            counting[classId] = true;
        }

        return counting;
    }

    // Written so that NaN fails.
    private static float InUnitRange(float value, string name) => value is >= 0 and <= 1
        ? value
        : throw new ArgumentOutOfRangeException(name, value, FormattableString.Invariant($"{name} is {value}; wanted is 0 to 1."));
}
