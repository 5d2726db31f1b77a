using System.Globalization;
using System.IO.Compression;

namespace YoloZeroCopy.Tests;

/// <summary>A synthetic sequence with the identities that reference/make_reference.py gives its detections; the format is told there.</summary>
internal sealed record ReferenceSequence(ByteTrackerOptions Options, IReadOnlyList<(Detection[] Detections, long[] Ids)> Frames)
{
    private const float Edge = 4;
    private const float Score = 1024;

    public static IReadOnlyList<ReferenceSequence> ReadAll()
    {
        using FileStream file = File.OpenRead(Path.Combine(AppContext.BaseDirectory, "sequences.txt.gz"));
        using StreamReader lines = new(new GZipStream(file, CompressionMode.Decompress));
        List<ReferenceSequence> sequences = [];
        List<(Detection[] Detections, long[] Ids)> frames = [];
        while (lines.ReadLine() is string line)
        {
            if (line.StartsWith('s'))
            {
                frames = [];
                sequences.Add(new ReferenceSequence(ParseOptions(Numbers(line[2..], ' ')), frames));
            }
            else
            {
                int[][] items = [.. line.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(static item => Numbers(item, ','))];
                frames.Add(([.. items.Select(ParseDetection)], [.. items.Select(static item => (long)item[5])]));
            }
        }

        return sequences;
    }

    private static ByteTrackerOptions ParseOptions(int[] values) => new()
    {
        HighThreshold = values[0] / Score,
        LowThreshold = values[1] / Score,
        NewThreshold = values[2] / Score,
        MatchThreshold = values[3] / Score,
        FuseScore = values[4] != 0,
        MaxLostFrames = values[5],
    };

    private static Detection ParseDetection(int[] values) =>
        new(0, values[4] / Score, values[0] / Edge, values[1] / Edge, values[2] / Edge, values[3] / Edge);

    private static int[] Numbers(string text, char separator) =>
        [.. text.Split(separator).Select(static number => int.Parse(number, CultureInfo.InvariantCulture))];
}
