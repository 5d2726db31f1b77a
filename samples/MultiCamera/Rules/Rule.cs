using MultiCamera.Alarms;
using MultiCamera.Settings;

namespace MultiCamera.Rules;

/// <summary>Watches the objects of one camera. One thread at a time.</summary>
internal abstract class Rule(RuleSettings settings, IReadOnlyList<string> classNames)
{
    /// <summary>How long an object may be out of sight, or a count below its limit, and still go on: detections flicker.</summary>
    protected static readonly TimeSpan Gap = TimeSpan.FromSeconds(1);

    protected RuleSettings Settings { get; } = settings;

    /// <summary>Takes the objects that a frame shows.</summary>
    /// <param name="now">The frame's time by the video's clock.</param>
    /// <param name="seen">What the frame shows.</param>
    public abstract IEnumerable<RuleHit> Update(TimeSpan now, IReadOnlyList<ObjectTrack> seen);

    /// <summary>Makes the rules of a camera.</summary>
    /// <param name="camera">Its settings, checked.</param>
    /// <param name="classNames">Names of the model's classes, by their numbers.</param>
    public static Rule[] Of(CameraSettings camera, IReadOnlyList<string> classNames) =>
        [.. camera.Rules.Select(rule => Of(rule, camera, classNames))];

    protected bool Concerns(ObjectTrack track) => Settings.Classes.Count == 0 || Settings.Classes.Contains(classNames[track.ClassId]);

    protected RuleHit Hit(string? place, double value, IReadOnlyList<ObjectTrack> objects) =>
        new(Settings.Name, Settings.Kind!.Value, place ?? "", value, objects);

    private static Rule Of(RuleSettings rule, CameraSettings camera, IReadOnlyList<string> classNames)
    {
        ZoneSettings? zone = rule.Zone is null ? null : camera.Zones.First(zone => zone.Name == rule.Zone);
        return rule.Kind switch
        {
            AlarmKind.Dwell => new DwellRule(rule, zone, classNames),
            AlarmKind.Count => new CountRule(rule, zone, classNames),
            _ => new CrossingRule(rule, camera.Lines.First(line => line.Name == rule.Line), classNames),
        };
    }
}
