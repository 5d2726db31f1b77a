using System.Text.Json;
using YoloZeroCopy;

namespace InspectLine;

/// <summary>What a clip really shows, frame by frame: <c>conveyor.truth.jsonl</c>.</summary>
internal static class GroundTruth
{
    /// <summary>Reads the truth of every frame, in order.</summary>
    /// <exception cref="InvalidDataException">A line is not of the documented form; the message names it.</exception>
    public static IReadOnlyList<IReadOnlyList<TruthObject>> Read(string path)
    {
        List<IReadOnlyList<TruthObject>> frames = [];
        foreach (string line in File.ReadLines(path))
        {
            try
            {
                using JsonDocument document = JsonDocument.Parse(line);
                if (document.RootElement.GetProperty("frame").GetInt32() != frames.Count)
                {
                    throw new FormatException("frames must be numbered 0, 1, 2 ... without a gap");
                }

                frames.Add([.. document.RootElement.GetProperty("objects").EnumerateArray().Select(ReadObject)]);
            }
            catch (Exception error) when (error is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
            {
                throw new InvalidDataException($"'{path}', line {frames.Count + 1}: not the truth of a frame: {error.Message}", error);
            }
        }

        return frames;
    }

    private static TruthObject ReadObject(JsonElement element)
    {
        JsonElement box = element.GetProperty("box");
        if (box.GetArrayLength() != 4)
        {
            throw new FormatException("a box has four numbers");
        }

        int classId = element.GetProperty("class").GetInt32();
        return new TruthObject(
            element.GetProperty("track").GetInt32(),
            element.GetProperty("name").GetString() ?? throw new FormatException("a name is null"),
            element.GetProperty("defect").GetBoolean(),
            element.GetProperty("visible").GetSingle(),
            new Detection(classId, 1, box[0].GetSingle(), box[1].GetSingle(), box[2].GetSingle(), box[3].GetSingle()));
    }
}

/// <summary>One part in one frame.</summary>
/// <param name="Track">Number of the part, the same in all frames.</param>
/// <param name="Name">Class name.</param>
/// <param name="IsDefect">True when the part is defective.</param>
/// <param name="Visible">Share of the part that is in the picture and not hidden, 0 to 1.</param>
/// <param name="Box">Class and place, with score 1.</param>
internal readonly record struct TruthObject(int Track, string Name, bool IsDefect, float Visible, Detection Box)
{
    /// <summary>Smallest share and size (longer side, in pixels) that a detector is asked to find; smaller ones are neither missed nor
    /// false.</summary>
    public const float LeastVisible = 0.5f;
    public const float LeastSize = 16;

    public bool IsAskedFor => Visible >= LeastVisible && Math.Max(Box.Width, Box.Height) >= LeastSize;
}
