using MultiCamera.Rules;
using MultiCamera.Settings;
using YoloZeroCopy;

namespace MultiCamera.Cameras;

/// <summary>Follows the objects of one camera. One thread at a time.</summary>
internal sealed class ObjectTracker(Anchor anchor)
{
    private readonly ByteTracker tracker = new();
    private readonly Dictionary<long, ObjectTrack> tracks = [];
    private long lastNumber = -1;

    /// <summary>Takes a frame's detections.</summary>
    /// <param name="number">Number of the frame. Frames may be left out, but come in order.</param>
    /// <param name="time">The frame's time by the video's clock.</param>
    /// <param name="detections">What was detected in it.</param>
    /// <param name="format">The frame's size.</param>
    /// <returns>The objects that the frame shows.</returns>
    public IReadOnlyList<ObjectTrack> Update(long number, TimeSpan time, ReadOnlySpan<Detection> detections, in FrameFormat format)
    {
        List<ObjectTrack> seen = [];
        foreach (Track found in tracker.Update(detections, (int)Math.Min(number - lastNumber, int.MaxValue)))
        {
            if (!tracks.TryGetValue(found.Id, out ObjectTrack? track))
            {
                track = tracks[found.Id] = new ObjectTrack(found.Id);
            }

            track.See(time, found.Detection, anchor, format);
            seen.Add(track);
        }

        foreach (long id in tracker.Ended)
        {
            _ = tracks.Remove(id);
        }

        lastNumber = number;
        return seen;
    }

    /// <summary>The video begins anew: nothing in it is what was there before.</summary>
    public void Reset()
    {
        tracker.Reset();
        tracks.Clear();
        lastNumber = -1;
    }
}
