using YoloZeroCopy;

namespace InspectLine;

/// <summary>Follows parts from frame to frame, so that each is counted once and named by all of its detections together.</summary>
/// <remarks>
/// All parts ride one belt, so one velocity, learned from all of them, predicts where each will be. A detection belongs to the part whose predicted
/// box it overlaps best, whatever its class: what a part is, its votes decide. One thread at a time.
/// </remarks>
internal sealed class PartTracker
{
    private const float LeastOverlap = 0.3f;
    private const int FramesUntilLost = 12;

    // How far one frame's measurement moves the belt's velocity: low, because boxes jitter by a pixel and belts do not.
    private const float VelocityGain = 0.2f;

    private readonly List<Track> tracks = [];
    private int nextId;
    private bool knowsVelocity;

    /// <summary>Speed of the belt to the right, in pixels a frame.</summary>
    public float Velocity { get; private set; }

    /// <summary>Takes one frame's detections.</summary>
    /// <param name="frame">Number of the frame; frames may be left out (dropped), but come in order.</param>
    /// <param name="detections">What was detected in it.</param>
    /// <returns>The parts on the belt now, those that this frame does not show but that are not given up yet among them.</returns>
    public IReadOnlyList<Track> Update(int frame, ReadOnlySpan<Detection> detections)
    {
        bool[] taken = new bool[detections.Length];
        HashSet<Track> seen = [];
        List<float> steps = [];
        foreach (Pair pair in RankPairs(frame, detections))
        {
            if (taken[pair.Index] || !seen.Add(pair.Track))
            {
                continue;
            }

            taken[pair.Index] = true;
            steps.Add((Boxes.CenterX(detections[pair.Index]) - Boxes.CenterX(pair.Track.Box)) / (frame - pair.Track.Frame));
            pair.Track.See(frame, detections[pair.Index]);
        }

        foreach (Track track in tracks)
        {
            if (!seen.Contains(track))
            {
                track.Carry(frame, Velocity * (frame - track.Frame));
            }
        }

        _ = tracks.RemoveAll(track => frame - track.LastSeen > FramesUntilLost);
        LearnVelocity(steps);
        for (int index = 0; index < detections.Length; index++)
        {
            if (!taken[index])
            {
                tracks.Add(new Track(nextId++, frame, detections[index]));
            }
        }

        return tracks;
    }

    /// <summary>Every track with every detection it may be, the best fit first.</summary>
    private List<Pair> RankPairs(int frame, ReadOnlySpan<Detection> detections)
    {
        List<Pair> pairs = [];
        foreach (Track track in tracks)
        {
            Detection predicted = Boxes.MovedRight(track.Box, Velocity * (frame - track.Frame));
            for (int index = 0; index < detections.Length; index++)
            {
                float fit = Fit(predicted, detections[index]);
                if (fit > 0)
                {
                    pairs.Add(new Pair(track, index, fit));
                }
            }
        }

        // The last two keys make the order, and so the outcome, the same on every run.
        return [.. pairs.OrderByDescending(static pair => pair.Fit).ThenBy(static pair => pair.Track.Id).ThenBy(static pair => pair.Index)];
    }

    /// <summary>The overlap; where boxes hardly overlap, because frames are missing or the velocity is not known yet, nearness of their middles
    /// counts a little instead.</summary>
    private static float Fit(in Detection predicted, in Detection detection)
    {
        float overlap = Boxes.Overlap(predicted, detection);
        if (overlap >= LeastOverlap)
        {
            return overlap;
        }

        float reach = Math.Min(Math.Min(predicted.Width, predicted.Height), Math.Min(detection.Width, detection.Height)) / 2;
        float distance = Boxes.CenterDistance(predicted, detection);
        return distance < reach ? LeastOverlap * (1 - (distance / reach)) : 0;
    }

    private void LearnVelocity(List<float> steps)
    {
        if (steps.Count == 0)
        {
            return;
        }

        // The median: boxes at the edge of the picture grow or shrink instead of moving, and must not pull the velocity.
        steps.Sort();
        float measured = steps[steps.Count / 2];
        Velocity = knowsVelocity ? Velocity + (VelocityGain * (measured - Velocity)) : measured;
        knowsVelocity = true;
    }

    private readonly record struct Pair(Track Track, int Index, float Fit);
}
