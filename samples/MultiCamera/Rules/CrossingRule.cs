using MultiCamera.Settings;

namespace MultiCamera.Rules;

/// <summary>An object crosses a line: one alarm for each object and direction, however it trembles on the line.</summary>
internal sealed class CrossingRule(RuleSettings settings, LineSettings line, IReadOnlyList<string> classNames) : Rule(settings, classNames)
{
    // Longer than a tracker looks for an object that it lost.
    private static readonly TimeSpan Memory = TimeSpan.FromSeconds(30);

    private readonly Dictionary<(long Id, int Way), TimeSpan> told = [];

    public override IEnumerable<RuleHit> Update(TimeSpan now, IReadOnlyList<ObjectTrack> seen)
    {
        List<RuleHit> hits = [];
        foreach (ObjectTrack track in seen)
        {
            int way = Geometry.Crossing(line, track.Before, track.Place);
            bool isWatched = Settings.Direction switch
            {
                Direction.LeftToRight => way > 0,
                Direction.RightToLeft => way < 0,
                _ => way != 0,
            };
            if (isWatched && Concerns(track) && told.TryAdd((track.Id, way), now))
            {
                hits.Add(Hit(line.Name, way, [track]));
            }

            // Of what is still there nothing is forgotten.
            foreach (int side in (ReadOnlySpan<int>)[-1, 1])
            {
                if (told.ContainsKey((track.Id, side)))
                {
                    told[(track.Id, side)] = now;
                }
            }
        }

        foreach (((long Id, int Way) key, TimeSpan time) in told)
        {
            if (now - time > Memory)
            {
                _ = told.Remove(key);
            }
        }

        return hits;
    }
}
