using MultiCamera.Settings;

namespace MultiCamera.Rules;

/// <summary>More objects are in a zone than may be: one alarm until there are no more than that for a while.</summary>
internal sealed class CountRule(RuleSettings settings, ZoneSettings? zone, IReadOnlyList<string> classNames) : Rule(settings, classNames)
{
    private TimeSpan? lastOver;

    public override IEnumerable<RuleHit> Update(TimeSpan now, IReadOnlyList<ObjectTrack> seen)
    {
        ObjectTrack[] within = [.. seen.Where(track => Concerns(track) && (zone is null || Geometry.Contains(zone.Points, track.Place)))];
        bool wasOver = now - lastOver <= Gap;
        if (within.Length <= Settings.Over)
        {
            return [];
        }

        lastOver = now;
        return wasOver ? [] : [Hit(Settings.Zone, within.Length, within)];
    }
}
