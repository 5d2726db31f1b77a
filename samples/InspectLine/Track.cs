using YoloZeroCopy;

namespace InspectLine;

/// <summary>One part on its way along the belt, put together from its detections in many frames.</summary>
internal sealed class Track
{
    // Fewer could be a flicker.
    private const int DetectionsToBelieve = 3;

    private readonly Dictionary<int, float> votes = [];

    public Track(int id, int frame, in Detection detection)
    {
        Id = id;
        PreviousCenterX = Boxes.CenterX(detection);
        See(frame, detection);
    }

    public int Id { get; }

    /// <summary>Where the part is: as detected, or moved along with the belt where it was not.</summary>
    public Detection Box { get; private set; }

    /// <summary>Frame that <see cref="Box"/> belongs to.</summary>
    public int Frame { get; private set; }

    /// <summary>Last frame in which the part was detected.</summary>
    public int LastSeen { get; private set; }

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

    public void See(int frame, in Detection detection)
    {
        if (Detections > 0)
        {
            PreviousCenterX = Boxes.CenterX(Box);
        }

        Box = detection;
        Frame = LastSeen = frame;
        Detections++;
        votes[detection.ClassId] = votes.GetValueOrDefault(detection.ClassId) + detection.Score;
    }

    /// <summary>Carries the part on with the belt through a frame in which it was not detected.</summary>
    public void Carry(int frame, float pixels)
    {
        PreviousCenterX = Boxes.CenterX(Box);
        Box = Boxes.MovedRight(Box, pixels);
        Frame = frame;
    }
}
