using YoloZeroCopy;

namespace InspectLine;

/// <summary>Follows parts from frame to frame, so that each is counted once and named by all of its detections together.</summary>
/// <remarks>Which detection is whose, the tracker decides, whatever the class: what a part is, its votes decide. One thread at a time.</remarks>
internal sealed class PartTracker
{
    // Half a second: by then a part that is not seen has moved on by its own length.
    private readonly ByteTracker tracker = new(new ByteTrackerOptions { MaxLostFrames = 12 });
    private readonly SortedDictionary<long, Part> parts = [];
    private int lastFrame = -1;

    /// <summary>Takes one frame's detections.</summary>
    /// <param name="frame">Number of the frame; frames may be left out (dropped), but come in order.</param>
    /// <param name="detections">What was detected in it.</param>
    /// <returns>The parts on the belt now, those that this frame does not show but that are not given up yet among them.</returns>
    public IReadOnlyCollection<Part> Update(int frame, ReadOnlySpan<Detection> detections)
    {
        _ = tracker.Update(detections, frame - lastFrame);
        lastFrame = frame;
        Follow(tracker.Detected);
        Follow(tracker.Lost);
        foreach (long id in tracker.Ended)
        {
            _ = parts.Remove(id);
        }

        return parts.Values;
    }

    private void Follow(ReadOnlySpan<Track> tracks)
    {
        foreach (ref readonly Track track in tracks)
        {
            if (!parts.TryGetValue(track.Id, out Part? part))
            {
                part = new Part(track.Id);
                parts.Add(track.Id, part);
            }

            part.Follow(in track);
        }
    }
}
