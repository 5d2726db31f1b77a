namespace YoloZeroCopy;

/// <summary>One object that a <see cref="ByteTracker"/> follows, as of the tracker's last frame.</summary>
/// <param name="Id">The object's identity, from 1 on. A tracker never gives one twice; trackers count on their own.</param>
/// <param name="Detection">The object's newest detection, as it was handed in; of a lost object that of the last frame that showed it.</param>
/// <param name="DetectionIndex">Index of that detection among those of this frame; -1 where this frame does not show the object.</param>
/// <param name="Estimate">
/// Class and score of <paramref name="Detection"/> with the box where the motion model sees the object in this frame: steadier than the detection's
/// own, and of a lost object where it should be by now. It may reach over the borders of the frame (<see cref="YoloZeroCopy.Detection.Clip"/>).
/// </param>
/// <param name="Age">Frames since the object was first detected.</param>
/// <param name="Missed">Frames since the object was last detected; 0 where this frame shows it.</param>
public readonly record struct Track(long Id, Detection Detection, int DetectionIndex, Detection Estimate, long Age, long Missed)
{
    /// <summary>Whether this frame does not show the object.</summary>
    public bool IsLost => Missed > 0;
}
