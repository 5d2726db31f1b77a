using System.Diagnostics;

namespace YoloZeroCopy;

/// <summary>A lane whose detections a function of the caller's makes: <see cref="YoloDetector.FromFunction"/>.</summary>
internal sealed class FunctionLane : ProcessorLane
{
    private readonly DetectFunction detect;
    private readonly int classLimit;
    private readonly DecodingOptions decoding;
    private readonly bool[]? counting;

    public FunctionLane(DetectFunction detect, int classLimit, DecodingOptions decoding, int number)
        : base(number)
    {
        this.detect = detect;
        this.classLimit = classLimit;
        this.decoding = decoding;
        counting = decoding.CountingClasses(classLimit);
        StartThread();
    }

    public override void Prepare(OpeningSteps steps) => steps.Advance();

    protected override void RunBatch(LaneBatch current)
    {
        long start = Stopwatch.GetTimestamp();
        for (int index = 0; index < current.Count; index++)
        {
            try
            {
                current.SetResult(index, Detect(current, index));
            }
            catch (DetectorFaultedException error)
            {
                current.Fault(error.InnerException ?? error);
                return;
            }
            catch (Exception error)
            {
                current.SetError(
                    index, error as InferenceException ?? new InferenceException($"The function that detects threw: {error.Message}", error));
            }

            current.ReleaseFrame(index);
        }

        long inference = Stopwatch.GetTimestamp() - start;
        current.Complete(new StageTimes(inference, Inference: inference));
    }

    private int Detect(LaneBatch current, int index)
    {
        FrameFormat format = current.Format(index);
        IReadOnlyList<Detection> found = detect(current.Pixels(index), format);
        Span<Detection> kept = current.Detections(index)[..Math.Min(decoding.MaxDetections, current.Detections(index).Length)];
        int count = 0;
        for (int place = 0; place < found.Count; place++)
        {
            Detection detection = found[place];
            detection.ThrowIfImpossible(format, classLimit);
            if (detection.Score > decoding.ScoreThreshold && (counting is null || counting[detection.ClassId]))
            {
                count = Insert(kept, count, detection);
            }
        }

        return count;
    }

    /// <summary>Into its place by falling score, behind its equals; the last falls out where there is no room.</summary>
    private static int Insert(Span<Detection> kept, int count, in Detection detection)
    {
        int place = count;
        while (place > 0 && kept[place - 1].Score < detection.Score)
        {
            place--;
        }

        if (place == kept.Length)
        {
            return count;
        }

        int moved = Math.Min(count, kept.Length - 1) - place;
        kept.Slice(place, moved).CopyTo(kept[(place + 1)..]);
        kept[place] = detection;
        return Math.Min(count + 1, kept.Length);
    }
}
