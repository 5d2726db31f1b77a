using YoloZeroCopy;

namespace InspectLine;

/// <summary>One part on its way along the belt, put together from its detections in many frames.</summary>
internal sealed class Part(long id)
{
    // Fewer could be a flicker.
    private const int DetectionsToBelieve = 3;

    private readonly Dictionary<int, float> votes = [];

    public long Id { get; } = id;

    /// <summary>Where the part is: as detected, or where the tracker expects it.</summary>
    public Detection Box { get; private set; }

    /// <summary>Middle of the box before the last step.</summary>
    public float PreviousCenterX { get; private set; }

    public int Detections { get; private set; }

    public bool IsBelieved => Detections >= DetectionsToBelieve;

    /// <summary>Set once the part has crossed the line, so that it counts once.</summary>
    public bool IsCounted { get; set; }

    /// <summary>The class that the most score speaks for. Of classes with equal votes, the lowest.</summary>
    public int ClassId => votes.OrderByDescending(static vote => vote.Value).ThenBy(static vote => vote.Key).First().Key;

    /// <summary>Share of all votes that <see cref="ClassId"/> has, 0 to 1.</summary>
    public float Certainty => votes[ClassId] / votes.Values.Sum();

    /// <summary>Takes what the tracker knows of the part in the next frame.</summary>
    public void Follow(in Track track)
    {
        Detection box = track.IsLost ? track.Estimate : track.Detection;
        PreviousCenterX = Detections > 0 ? Box.CenterX : box.CenterX;
        Box = box;
        if (!track.IsLost)
        {
            Detections++;
            votes[box.ClassId] = votes.GetValueOrDefault(box.ClassId) + box.Score;
        }
    }
}
