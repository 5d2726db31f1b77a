using MultiCamera.Settings;

namespace MultiCamera.Rules;

/// <summary>An object stays in a zone for longer than it may: one alarm for each stay.</summary>
internal sealed class DwellRule(RuleSettings settings, ZoneSettings? zone, IReadOnlyList<string> classNames) : Rule(settings, classNames)
{
    private readonly Dictionary<long, Stay> stays = [];

    public override IEnumerable<RuleHit> Update(TimeSpan now, IReadOnlyList<ObjectTrack> seen)
    {
        List<RuleHit> hits = [];
        foreach (ObjectTrack track in seen.Where(track => Concerns(track) && (zone is null || Geometry.Contains(zone.Points, track.Place))))
        {
            if (!stays.TryGetValue(track.Id, out Stay? stay))
            {
                stay = stays[track.Id] = new Stay { Since = now };
            }

            stay.LastSeen = now;
            if (!stay.IsTold && now - stay.Since > TimeSpan.FromSeconds(Settings.Seconds!.Value))
            {
                stay.IsTold = true;
                hits.Add(Hit(Settings.Zone, (now - stay.Since).TotalSeconds, [track]));
            }
        }

        foreach ((long id, Stay stay) in stays)
        {
            if (now - stay.LastSeen > Gap)
            {
                _ = stays.Remove(id);
            }
        }

        return hits;
    }

    private sealed class Stay
    {
        public TimeSpan Since { get; init; }

        public TimeSpan LastSeen { get; set; }

        public bool IsTold { get; set; }
    }
}
