using MultiCamera.Settings;
using YoloZeroCopy;

namespace MultiCamera.Rules;

/// <summary>One object in the picture of a camera, as its frames up to now show it.</summary>
/// <param name="id">The tracker's number, kept from frame to frame.</param>
internal sealed class ObjectTrack(long id)
{
    private readonly Dictionary<int, float> votes = [];

    public long Id { get; } = id;

    /// <summary>The class that most of the scores speak for: a single frame may err.</summary>
    public int ClassId { get; private set; }

    /// <summary>In pixels of the frame.</summary>
    public Detection Box { get; private set; }

    /// <summary>Where the object is; see <see cref="Place"/>.</summary>
    public Place Place { get; private set; }

    /// <summary>Where it was when it was seen before.</summary>
    public Place Before { get; private set; }

    /// <summary>When it was seen last, by the video's clock.</summary>
    public TimeSpan LastSeen { get; private set; }

    public void See(TimeSpan time, in Detection box, Anchor anchor, in FrameFormat format)
    {
        Place place = new(box.CenterX / format.Width, (anchor == Anchor.Bottom ? box.Y2 : box.CenterY) / format.Height);
        Before = votes.Count == 0 ? place : Place;
        (Place, Box, LastSeen) = (place, box, time);
        float vote = votes[box.ClassId] = votes.GetValueOrDefault(box.ClassId) + box.Score;
        if (box.ClassId != ClassId && (votes.Count == 1 || vote > votes[ClassId]))
        {
            ClassId = box.ClassId;
        }
    }
}
