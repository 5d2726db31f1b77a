using System.Collections.Immutable;
using YoloZeroCopy;

namespace InspectLine;

/// <summary>Everything that an inspection found out, in the order in which it happened.</summary>
internal sealed class InspectionLog
{
    /// <summary>Every submitted frame, dropped ones too.</summary>
    public List<InspectedFrame> Frames { get; } = [];

    /// <summary>Every part that crossed the line, sound or defective.</summary>
    public List<Crossing> Crossings { get; } = [];

    /// <summary>Time from submit to result of each frame that was not dropped.</summary>
    public LatencyFigures Latency { get; } = new();

    /// <summary>Time from the first read to the last result.</summary>
    public TimeSpan Elapsed { get; set; }

    /// <summary>Why the inspection ended before the clip did; null when it did not.</summary>
    public string? Interruption { get; set; }

    public IEnumerable<Crossing> Alarms => Crossings.Where(static crossing => crossing.AlarmNumber > 0);

    public int AlarmCount => Alarms.Count();

    public int DroppedCount => Frames.Count(static frame => frame.IsDropped);

    public int InspectedCount => Frames.Count - DroppedCount;

    /// <summary>Frames inspected in a second; those dropped do not count.</summary>
    public double FramesPerSecond => Elapsed > TimeSpan.Zero ? InspectedCount / Elapsed.TotalSeconds : 0;
}

/// <summary>What was found in one frame.</summary>
/// <param name="Number">Number of the frame in the clip, from 0.</param>
/// <param name="IsDropped">True when the frame came too late and nothing is known of what it shows.</param>
/// <param name="Detections">The sample's own copy, since a result's memory goes back to the detector.</param>
internal readonly record struct InspectedFrame(int Number, bool IsDropped, ImmutableArray<Detection> Detections);

/// <summary>A part that crossed the line.</summary>
/// <param name="Frame">Frame in which its middle was past the line for the first time.</param>
/// <param name="Part">Number of the part.</param>
/// <param name="ClassId">What most of its detections said it is.</param>
/// <param name="Certainty">Share of the votes for that class, 0 to 1.</param>
/// <param name="Box">Where it was.</param>
/// <param name="AlarmNumber">1, 2, 3 ... for a defective part, 0 for a sound one.</param>
internal readonly record struct Crossing(int Frame, long Part, int ClassId, float Certainty, Detection Box, int AlarmNumber);
