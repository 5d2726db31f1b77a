using System.Runtime.InteropServices;

namespace YoloZeroCopy;

/// <summary>Follows one camera's detections from frame to frame and gives each object an identity that it keeps: ByteTrack.</summary>
/// <remarks>
/// <para>
/// The rules are those of Zhang et al., "ByteTrack: Multi-Object Tracking by Associating Every Detection Box" (2022), with the thresholds and the
/// fused scores of Ultralytics. Detections with high scores are matched with all objects; those with low scores, which alone would be noise, with
/// what was detected in the frame before and is left over. A detection that fits nothing begins an object, which counts once the next frame shows it,
/// too; in the tracker's first frame it counts at once. Classes do not matter: the class of an object is that of its newest detection.
/// </para>
/// <para>A tracker for each camera: its identities are its own. Nothing is read but boxes and scores, so frames may stay on the device.</para>
/// <para>One thread at a time. Allocates only to grow to the most objects that it has met at once.</para>
/// </remarks>
public sealed class ByteTracker
{
    // Limits of the later stages, as published.
    private const double LowMatchLimit = 0.5;
    private const double UnconfirmedMatchLimit = 0.7;

    // A tracked and a lost object that overlap by more than this are one.
    private const double DuplicateOverlap = 0.85;

    private readonly ByteTrackerOptions options;
    private readonly Assignment assignment = new();
    private readonly List<FollowedObject> objects = [];
    private readonly Stack<FollowedObject> unused = [];

    // The objects that the stage at hand matches, in the order of its rows.
    private readonly List<FollowedObject> candidates = [];
    private readonly List<Box> boxes = [];
    private readonly List<int> high = [];
    private readonly List<int> low = [];
    private readonly List<Track> detected = [];
    private readonly List<Track> lost = [];
    private readonly List<long> ended = [];
    private long frame;
    private long lastId;

    /// <summary>Makes a tracker that has seen no frame.</summary>
    /// <param name="options">How it decides; null takes the defaults.</param>
    /// <exception cref="ArgumentException">An option is out of its range, or two do not go together.</exception>
    public ByteTracker(ByteTrackerOptions? options = null)
    {
        this.options = options is null ? new ByteTrackerOptions() : options with { };
        this.options.Validate();
    }

    /// <summary>The objects that the last frame showed, in the order of their identities. Valid until the next call of a method.</summary>
    public ReadOnlySpan<Track> Detected => CollectionsMarshal.AsSpan(detected);

    /// <summary>
    /// The objects that the last frame did not show but that are not forgotten yet, in the order of their identities.
    /// Valid until the next call of a method.
    /// </summary>
    public ReadOnlySpan<Track> Lost => CollectionsMarshal.AsSpan(lost);

    /// <summary>
    /// Identities of <see cref="Detected"/> or <see cref="Lost"/> objects of earlier frames that the last frame forgot: no later one has them. Valid
    /// until the next call of a method.
    /// </summary>
    public ReadOnlySpan<long> Ended => CollectionsMarshal.AsSpan(ended);

    /// <summary>Takes the detections of the next frame.</summary>
    /// <param name="detections">
    /// What was detected in it, in any order, as <see cref="DetectionResult.Detections"/>. Those without area are not followed.
    /// </param>
    /// <param name="frames">Frames since the last call, 1 or more: 1 plus the frames that were dropped between. Objects move on by as many.</param>
    /// <returns>The objects that the frame shows: <see cref="Detected"/>.</returns>
    /// <exception cref="ArgumentException">A detection has a score outside 0 to 1, or edges that are not finite or the wrong way round.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="frames"/> is less than 1.</exception>
    public ReadOnlySpan<Track> Update(ReadOnlySpan<Detection> detections, int frames = 1)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(frames, 1);
        Sort(detections);
        bool isFirst = frame == 0;
        frame += frames;
        detected.Clear();
        lost.Clear();
        ended.Clear();

        Predict(frames);
        MatchHigh(detections);
        MatchLow(detections);
        MatchUnconfirmed(detections);
        Begin(detections, isConfirmed: isFirst);
        ForgetDuplicates();
        Report();
        return Detected;
    }

    /// <summary>Forgets all objects, as for a scene that begins anew. Identities go on: none is given a second time.</summary>
    public void Reset()
    {
        frame = 0;
        detected.Clear();
        lost.Clear();
        ended.Clear();
        foreach (FollowedObject item in objects)
        {
            item.IsForgotten = true;
        }

        RemoveForgotten();
    }

    /// <summary>Parts high detections from low ones.</summary>
    private void Sort(ReadOnlySpan<Detection> detections)
    {
        high.Clear();
        low.Clear();
        for (int index = 0; index < detections.Length; index++)
        {
            ThrowIfImpossible(detections, index);
            ref readonly Detection detection = ref detections[index];
            // Without a height there is no aspect, and without area no overlap.
            if (!(detection.Width > 0 && detection.Height > 0))
            {
                continue;
            }

            if (detection.Score >= options.HighThreshold)
            {
                high.Add(index);
            }
            else if (detection.Score > options.LowThreshold)
            {
                low.Add(index);
            }
        }
    }

    private void Predict(int frames)
    {
        foreach (FollowedObject item in objects)
        {
            item.IsMatched = false;
            // The published rule matches nothing that is older. Only frames that were dropped make it so old.
            item.IsForgotten = frame - item.LastFrame > options.MaxLostFrames + 1L;
            // An object that was detected once has no velocity yet.
            if (item.IsConfirmed && !item.IsForgotten)
            {
                item.Predict(frames);
            }
        }

        RemoveForgotten();
    }

    private void MatchHigh(ReadOnlySpan<Detection> detections)
    {
        TakeCandidates(static item => item.IsConfirmed);
        Match(detections, high, options.MatchThreshold, options.FuseScore);
    }

    private void MatchLow(ReadOnlySpan<Detection> detections)
    {
        TakeCandidates(static item => item.IsConfirmed && !item.IsMatched && !item.IsLost);
        Match(detections, low, LowMatchLimit, fuseScore: false);
        foreach (FollowedObject item in objects)
        {
            item.IsLost = item.IsConfirmed && !item.IsMatched;
            item.IsForgotten = item.IsLost && frame - item.LastFrame > options.MaxLostFrames;
        }

        RemoveForgotten();
    }

    private void MatchUnconfirmed(ReadOnlySpan<Detection> detections)
    {
        TakeCandidates(static item => !item.IsConfirmed);
        Match(detections, high, UnconfirmedMatchLimit, options.FuseScore);
        foreach (FollowedObject item in candidates)
        {
            item.IsConfirmed = item.IsMatched;
            item.IsForgotten = !item.IsMatched;
        }

        RemoveForgotten();
    }

    /// <summary>Begins an object with every detection that is left over.</summary>
    private void Begin(ReadOnlySpan<Detection> detections, bool isConfirmed)
    {
        foreach (int index in high)
        {
            if (detections[index].Score >= options.NewThreshold)
            {
                FollowedObject item = unused.TryPop(out FollowedObject? used) ? used : new FollowedObject();
                item.Begin(++lastId, frame, index, in detections[index], isConfirmed);
                objects.Add(item);
            }
        }
    }

    /// <summary>Of a detected and a lost object at one place, the one that was followed for less time is forgotten.</summary>
    private void ForgetDuplicates()
    {
        TakeCandidates(static item => item.IsLost);
        foreach (FollowedObject item in objects)
        {
            if (item.IsLost)
            {
                continue;
            }

            foreach (FollowedObject other in candidates)
            {
                if (Box.Overlap(in item.Box, in other.Box) > DuplicateOverlap)
                {
                    FollowedObject shorter = item.LastFrame - item.FirstFrame > other.LastFrame - other.FirstFrame ? other : item;
                    shorter.IsForgotten = true;
                }
            }
        }

        RemoveForgotten();
    }

    private void Report()
    {
        foreach (FollowedObject item in objects)
        {
            if (item.IsConfirmed)
            {
                item.IsReported = true;
                (item.IsLost ? lost : detected).Add(item.ToTrack(frame));
            }
        }
    }

    private void TakeCandidates(Func<FollowedObject, bool> condition)
    {
        candidates.Clear();
        foreach (FollowedObject item in objects)
        {
            if (condition(item))
            {
                candidates.Add(item);
            }
        }
    }

    /// <summary>Matches the candidates with detections, and takes out those that found their object.</summary>
    private void Match(ReadOnlySpan<Detection> detections, List<int> indices, double limit, bool fuseScore)
    {
        boxes.Clear();
        foreach (int index in indices)
        {
            boxes.Add(new Box(in detections[index]));
        }

        ReadOnlySpan<Box> columns = CollectionsMarshal.AsSpan(boxes);
        assignment.Clear(columns.Length, limit);
        foreach (FollowedObject item in candidates)
        {
            assignment.AddRow();
            for (int column = 0; column < columns.Length; column++)
            {
                double overlap = Box.Overlap(in item.Box, in columns[column]);
                // Boxes apart cost 1, which no limit lets pass.
                if (overlap > 0)
                {
                    assignment.Add(column, 1 - (fuseScore ? overlap * detections[indices[column]].Score : overlap));
                }
            }
        }

        assignment.Solve();
        int left = 0;
        for (int column = 0; column < columns.Length; column++)
        {
            int index = indices[column];
            int row = assignment.RowOf(column);
            if (row < 0)
            {
                indices[left++] = index;
            }
            else
            {
                candidates[row].See(frame, index, in detections[index], in columns[column]);
            }
        }

        indices.RemoveRange(left, indices.Count - left);
    }

    private void RemoveForgotten()
    {
        int kept = 0;
        for (int index = 0; index < objects.Count; index++)
        {
            FollowedObject item = objects[index];
            if (!item.IsForgotten)
            {
                objects[kept++] = item;
                continue;
            }

            if (item.IsReported)
            {
                ended.Add(item.Id);
            }

            unused.Push(item);
        }

        objects.RemoveRange(kept, objects.Count - kept);
    }

    private static void ThrowIfImpossible(ReadOnlySpan<Detection> detections, int index)
    {
        ref readonly Detection detection = ref detections[index];
        // Written so that NaN is refused.
        if (!(detection.Score is >= 0 and <= 1))
        {
            throw new ArgumentException($"Detection {index}, {detection}, has a score outside 0 to 1.", nameof(detections));
        }

        bool isFinite = float.IsFinite(detection.X1) && float.IsFinite(detection.Y1) && float.IsFinite(detection.X2) && float.IsFinite(detection.Y2);
        if (!isFinite || detection.X1 > detection.X2 || detection.Y1 > detection.Y2)
        {
            throw new ArgumentException(
                $"Detection {index}, {detection}, is no box: its edges must be finite, left to right and top to bottom.", nameof(detections));
        }
    }
}
