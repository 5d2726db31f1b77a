using MultiCamera.Alarms;
using MultiCamera.Rules;
using MultiCamera.Settings;
using YoloZeroCopy;

namespace MultiCamera.Cameras;

/// <summary>What is done with the results of one camera: objects are followed, rules watch them, pictures are drawn, outlets are told. One frame at a
/// time.</summary>
internal sealed class CameraWatch(
    CameraSettings camera, PictureSettings pictures, IReadOnlyList<string> classNames, OutletSet outlets, AlarmLog alarmLog)
{
    private readonly ObjectTracker tracker = new(camera.Anchor);
    private readonly FramePicture drawing = new(camera, classNames);
    private readonly Rule[] rules = Rule.Of(camera, classNames);
    private TimeSpan clock;
    private TimeSpan offset;
    private TimeSpan nextPicture;
    private long alarms;
    private volatile byte[] picture = [];

    public ReadOnlyMemory<byte> Picture => picture;

    public long Alarms => Interlocked.Read(ref alarms);

    /// <summary>The video begins anew, and its clock with it.</summary>
    public void Restart()
    {
        offset = clock + TimeSpan.FromSeconds(1);
        tracker.Reset();
    }

    /// <param name="frame">The frame.</param>
    /// <param name="detections">What the detector found in it.</param>
    /// <param name="format">Its format.</param>
    /// <param name="pixels">The frame itself, Nv12; empty where it is not at hand, and there are no pictures then.</param>
    public void Take(CameraFrame frame, ReadOnlySpan<Detection> detections, in FrameFormat format, ReadOnlySpan<byte> pixels)
    {
        clock = offset + frame.Time;
        IReadOnlyList<ObjectTrack> seen = tracker.Update(frame.Number, clock, detections, format);
        foreach (RuleHit hit in rules.SelectMany(rule => rule.Update(clock, seen)))
        {
            Raise(frame, hit, pixels.IsEmpty ? [] : drawing.Draw(pixels, format, format.Width, seen, hit.Objects));
        }

        outlets.Add(new CameraDetections(camera.Name, frame.Taken, frame.Number, [.. seen.Select(ToSeen)]));
        if (!pixels.IsEmpty && clock >= nextPicture)
        {
            nextPicture = clock + TimeSpan.FromSeconds(1 / pictures.Rate);
            picture = drawing.Draw(pixels, format, pictures.Width, seen, []);
            outlets.Add(new CameraPicture(camera.Name, frame.Taken, picture));
        }
    }

    private void Raise(CameraFrame frame, RuleHit hit, byte[] jpeg)
    {
        Alarm alarm = new()
        {
            Time = frame.Taken,
            Camera = camera.Name,
            Rule = hit.Rule,
            Kind = hit.Kind,
            Place = hit.Place,
            Value = hit.Value,
            Text = Describe(hit),
            Objects = [.. hit.Objects.Select(ToSeen)],
            Jpeg = jpeg,
        };
        _ = Interlocked.Increment(ref alarms);
        alarmLog.Add(alarm);

        // Outlets keep it and tell by themselves where they cannot: the camera goes on.
        _ = outlets.RaiseAsync(alarm);
    }

    private string Describe(RuleHit hit)
    {
        string place = hit.Place.Length == 0 ? "the picture" : hit.Place;
        return hit.Kind switch
        {
            AlarmKind.Dwell => FormattableString.Invariant($"{NameOf(hit.Objects[0])} has been in {place} for {hit.Value:0.#} s"),
            AlarmKind.Count => FormattableString.Invariant($"{hit.Value} objects are in {place}"),
            _ => $"{NameOf(hit.Objects[0])} has crossed {place} from {(hit.Value > 0 ? "left to right" : "right to left")}",
        };
    }

    private string NameOf(ObjectTrack track) => $"{classNames[track.ClassId]} {track.Id}";

    private SeenObject ToSeen(ObjectTrack track)
    {
        Detection box = track.Box;
        return new SeenObject(track.Id, classNames[track.ClassId], box.Score, box.X1, box.Y1, box.X2, box.Y2);
    }
}
