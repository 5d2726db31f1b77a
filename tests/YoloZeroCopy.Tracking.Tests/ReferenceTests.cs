namespace YoloZeroCopy.Tests;

/// <summary>The same identities as a second implementation of the published rules.</summary>
public sealed class ReferenceTests
{
    private static readonly IReadOnlyList<ReferenceSequence> Sequences = ReferenceSequence.ReadAll();

    [Fact]
    public void Every_detection_of_every_sequence_gets_the_identity_that_the_reference_gives_it()
    {
        Assert.Equal(200, Sequences.Count);
        for (int number = 0; number < Sequences.Count; number++)
        {
            ReferenceSequence sequence = Sequences[number];
            Assert.Equal(150, sequence.Frames.Count);
            ByteTracker tracker = new(sequence.Options);
            for (int frame = 0; frame < sequence.Frames.Count; frame++)
            {
                (Detection[] detections, long[] expected) = sequence.Frames[frame];
                long[] ids = new long[detections.Length];
                foreach (Track track in tracker.Update(detections))
                {
                    Assert.Equal(detections[track.DetectionIndex], track.Detection);
                    ids[track.DetectionIndex] = track.Id;
                }

                Assert.True(expected.AsSpan().SequenceEqual(ids),
                    $"Sequence {number}, frame {frame}: [{string.Join(' ', ids)}], not [{string.Join(' ', expected)}].");
            }
        }
    }

    [Fact]
    public void The_sequences_ask_for_what_trackers_differ_in()
    {
        // Objects that are lost and found again, and crowds: without them a simpler tracker would pass.
        int found = 0;
        int tracks = 0;
        foreach (ReferenceSequence sequence in Sequences)
        {
            Dictionary<long, int> last = [];
            for (int frame = 0; frame < sequence.Frames.Count; frame++)
            {
                foreach (long id in sequence.Frames[frame].Ids.Where(static id => id != 0))
                {
                    found += last.TryGetValue(id, out int seen) && frame - seen > 1 ? 1 : 0;
                    last[id] = frame;
                }
            }

            tracks += last.Count;
        }

        Assert.True(found > 10_000, $"Only {found} times an object is found again.");
        Assert.True(tracks > 2000, $"Only {tracks} objects.");
    }
}
