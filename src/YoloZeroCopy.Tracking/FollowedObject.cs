namespace YoloZeroCopy;

/// <summary>What a tracker knows of one object. Used again for another when the tracker has forgotten it.</summary>
internal sealed class FollowedObject
{
    private MotionFilter motion;
    private Detection detection;
    private int detectionIndex;

    // A field: it is compared with every detection, and lent for that, not copied.
    public Box Box;

    public long Id { get; private set; }

    public long FirstFrame { get; private set; }

    /// <summary>Newest frame that showed the object.</summary>
    public long LastFrame { get; private set; }

    /// <summary>Whether the object counts: it was detected in two frames, or began in the tracker's first.</summary>
    public bool IsConfirmed { get; set; }

    /// <summary>Whether this frame's detections were compared and none was the object's.</summary>
    public bool IsLost { get; set; }

    public bool IsMatched { get; set; }

    public bool IsReported { get; set; }

    public bool IsForgotten { get; set; }

    public void Begin(long id, long frame, int index, in Detection detection, bool isConfirmed)
    {
        (Id, FirstFrame, LastFrame) = (id, frame, frame);
        (detectionIndex, this.detection) = (index, detection);
        (IsConfirmed, IsMatched, IsLost, IsReported, IsForgotten) = (isConfirmed, true, false, false, false);
        motion = new MotionFilter(new Box(in detection));
        Box = motion.Box;
    }

    /// <summary>Moves on by frames, of which the last is compared with detections.</summary>
    public void Predict(int frames)
    {
        for (int step = 0; step < frames; step++)
        {
            // Where the object is not seen, a growing box would only swallow others.
            if (IsLost || frames > 1)
            {
                motion.HoldHeight();
            }

            motion.Predict();
        }

        Box = motion.Box;
    }

    public void See(long frame, int index, in Detection detection, in Box box)
    {
        (LastFrame, detectionIndex, this.detection) = (frame, index, detection);
        (IsMatched, IsLost) = (true, false);
        motion.Update(in box);
        Box = motion.Box;
    }

    public Track ToTrack(long frame)
    {
        Detection estimate = detection with { X1 = (float)Box.X1, Y1 = (float)Box.Y1, X2 = (float)Box.X2, Y2 = (float)Box.Y2 };
        return new Track(Id, detection, IsMatched ? detectionIndex : -1, estimate, frame - FirstFrame, frame - LastFrame);
    }
}
