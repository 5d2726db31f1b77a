using YoloZeroCopy;

namespace InspectLine;

/// <summary>Compares an inspection with the clip's ground truth.</summary>
/// <remarks>
/// A detection is right when it overlaps a part of its class by an intersection over union of 0.5 or more; each part answers for one detection, those
/// with the higher scores first. Parts less than half visible or smaller than 16 pixels are neither asked for nor held against a detection. An alarm
/// is right when a part of its class, defective according to the truth, crosses the line within a few frames of it. Dropped frames are left out.
/// </remarks>
internal sealed class TruthCheck
{
    public const double Bar = 0.9;
    public const float LeastOverlap = 0.5f;
    public const int AlarmToleranceFrames = 5;

    private readonly SortedDictionary<int, Score> detections = [];
    private readonly SortedDictionary<int, Score> alarms = [];

    private TruthCheck()
    {
    }

    /// <summary>Detections by class id.</summary>
    public IReadOnlyDictionary<int, Score> Detections => detections;

    /// <summary>Alarms by class id.</summary>
    public IReadOnlyDictionary<int, Score> Alarms => alarms;

    public Score AllDetections => Score.Sum(detections.Values);

    public Score AllAlarms => Score.Sum(alarms.Values);

    /// <summary>Frames that were compared.</summary>
    public int FrameCount { get; private set; }

    /// <summary>True when precision and recall of detections and of alarms all reach <see cref="Bar"/>.</summary>
    public bool ReachesBar => new[] { AllDetections, AllAlarms }.All(static score => score.Precision >= Bar && score.Recall >= Bar);

    /// <param name="log">What the inspection found.</param>
    /// <param name="truth">What each frame really shows.</param>
    /// <param name="lineX">Where the counting line stood, in pixels.</param>
    public static TruthCheck Compare(InspectionLog log, IReadOnlyList<IReadOnlyList<TruthObject>> truth, float lineX)
    {
        TruthCheck check = new();
        foreach (InspectedFrame frame in log.Frames)
        {
            if (!frame.IsDropped && frame.Number < truth.Count)
            {
                check.CompareFrame(frame.Detections.AsSpan(), truth[frame.Number]);
                check.FrameCount++;
            }
        }

        check.CompareAlarms([.. log.Alarms], CrossingDefects(truth.Take(log.Frames.Count), lineX));
        return check;
    }

    private static Score Of(SortedDictionary<int, Score> scores, int classId)
    {
        if (!scores.TryGetValue(classId, out Score? score))
        {
            score = scores[classId] = new Score();
        }

        return score;
    }

    /// <summary>Defective parts of the truth that cross the line: class and frame.</summary>
    private static List<(int ClassId, int Frame)> CrossingDefects(IEnumerable<IReadOnlyList<TruthObject>> truth, float lineX)
    {
        List<(int, int)> crossings = [];
        Dictionary<int, float> lastX = [];
        int frame = 0;
        foreach (IReadOnlyList<TruthObject> objects in truth)
        {
            foreach (TruthObject part in objects)
            {
                float x = part.Box.CenterX;
                if (part.IsDefect && lastX.TryGetValue(part.Track, out float before) && before < lineX && x >= lineX)
                {
                    crossings.Add((part.Box.ClassId, frame));
                }

                lastX[part.Track] = x;
            }

            frame++;
        }

        return crossings;
    }

    private void CompareFrame(ReadOnlySpan<Detection> found, IReadOnlyList<TruthObject> truth)
    {
        bool[] taken = new bool[truth.Count];

        // A result lists its detections by falling score.
        foreach (ref readonly Detection detection in found)
        {
            int best = -1;
            float bestOverlap = LeastOverlap;
            bool isExcused = false;
            for (int index = 0; index < truth.Count; index++)
            {
                float overlap = Boxes.Overlap(detection, truth[index].Box);
                isExcused |= !truth[index].IsAskedFor && overlap >= LeastOverlap;
                if (truth[index].IsAskedFor && !taken[index] && truth[index].Box.ClassId == detection.ClassId && overlap >= bestOverlap)
                {
                    (best, bestOverlap) = (index, overlap);
                }
            }

            if (best >= 0)
            {
                taken[best] = true;
                Of(detections, detection.ClassId).Right++;
            }
            else if (!isExcused)
            {
                Of(detections, detection.ClassId).False++;
            }
        }

        for (int index = 0; index < truth.Count; index++)
        {
            if (truth[index].IsAskedFor && !taken[index])
            {
                Of(detections, truth[index].Box.ClassId).Missed++;
            }
        }
    }

    private void CompareAlarms(List<Crossing> raised, List<(int ClassId, int Frame)> due)
    {
        foreach ((int classId, int frame) in due)
        {
            int match = raised.FindIndex(alarm => alarm.ClassId == classId && Math.Abs(alarm.Frame - frame) <= AlarmToleranceFrames);
            if (match >= 0)
            {
                raised.RemoveAt(match);
                Of(alarms, classId).Right++;
            }
            else
            {
                Of(alarms, classId).Missed++;
            }
        }

        foreach (Crossing alarm in raised)
        {
            Of(alarms, alarm.ClassId).False++;
        }
    }
}
