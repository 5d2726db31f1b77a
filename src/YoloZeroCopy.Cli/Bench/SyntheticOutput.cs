using System.Runtime.InteropServices;

namespace YoloZeroCopy.Cli;

/// <summary>A model's output of one picture with a known number of candidates, for measuring what comes after the engine.</summary>
internal static class SyntheticOutput
{
    private const float Noise = 0.01f;

    // Logits of scores near 0, as a trained model has them nearly everywhere.
    private const float NoLogit = -6;

    /// <summary>Makes the maps of a head, halves with their channels last, with candidates as in the other outputs.</summary>
    public static byte[] Make(DetectionHead head, int candidates, int seed)
    {
        byte[] tensor = new byte[head.PictureBytes];
        Span<Half> values = MemoryMarshal.Cast<byte, Half>(tensor.AsSpan());
        Random random = new(seed);
        int anchorsLeft = head.Anchors;
        int candidatesLeft = Math.Min(candidates, anchorsLeft);
        int at = 0;
        foreach (HeadLevel level in head.Levels)
        {
            int sidesStep = head.MapBytes(level.Sides) / level.Cells / sizeof(ushort);
            int scoresStep = head.MapBytes(level.Scores) / level.Cells / sizeof(ushort);
            Span<Half> sides = values.Slice(at, sidesStep * level.Cells);
            Span<Half> scores = values.Slice(at + sides.Length, scoresStep * level.Cells);
            at += sides.Length + scores.Length;
            foreach (ref Half value in sides)
            {
                value = (Half)(random.NextSingle() * 4);
            }

            for (int cell = 0; cell < level.Cells; cell++)
            {
                bool isCandidate = random.Next(anchorsLeft--) < candidatesLeft;
                candidatesLeft -= isCandidate ? 1 : 0;
                Span<Half> logits = scores.Slice(cell * scoresStep, head.ClassCount);
                foreach (ref Half logit in logits)
                {
                    logit = (Half)(NoLogit + random.NextSingle());
                }

                if (isCandidate)
                {
                    logits[random.Next(logits.Length)] = (Half)HeadValues.Logit(0.3f + (0.65f * random.NextSingle()));
                }
            }
        }

        return tensor;
    }

    /// <summary>Makes an output whose candidates lie anywhere, with any class and scores from 0.3 to 0.95; all other anchors stay far below any
    /// sensible threshold.</summary>
    public static byte[] Make(ModelInfo model, int candidates, int seed)
    {
        (int rows, int columns) = model.OutputShape;
        byte[] tensor = new byte[model.OutputBytes];
        Random random = new(seed);
        int anchors = model.Layout == OutputLayout.ChannelsFirst ? columns : rows;
        int elements = model.Layout == OutputLayout.ChannelsFirst ? rows : columns;
        int firstScore = model.Layout == OutputLayout.AnchorsFirst ? 5 : 4;
        bool isEndToEnd = model.Layout == OutputLayout.EndToEnd;
        int left = Math.Min(candidates, anchors);
        for (int anchor = 0; anchor < anchors; anchor++)
        {
            // Exactly so many, spread evenly.
            bool isCandidate = random.Next(anchors - anchor) < left;
            left -= isCandidate ? 1 : 0;
            float width = 20 + (random.NextSingle() * 180);
            float height = 20 + (random.NextSingle() * 180);
            float x = random.NextSingle() * model.InputWidth;
            float y = random.NextSingle() * model.InputHeight;
            float score = isCandidate ? 0.3f + (0.65f * random.NextSingle()) : Noise * random.NextSingle();
            Set(anchor, 0, isEndToEnd ? x - (width / 2) : x);
            Set(anchor, 1, isEndToEnd ? y - (height / 2) : y);
            Set(anchor, 2, isEndToEnd ? x + (width / 2) : width);
            Set(anchor, 3, isEndToEnd ? y + (height / 2) : height);
            if (isEndToEnd)
            {
                Set(anchor, 4, score);
                Set(anchor, 5, random.Next(Math.Max(1, model.ClassCount)));
                continue;
            }

            if (model.Layout == OutputLayout.AnchorsFirst)
            {
                Set(anchor, 4, 1);
            }

            int best = firstScore + random.Next(elements - firstScore);
            for (int element = firstScore; element < elements; element++)
            {
                Set(anchor, element, element == best ? score : Noise * random.NextSingle());
            }
        }

        return tensor;

        void Set(int anchor, int element, float value)
        {
            int index = model.Layout == OutputLayout.ChannelsFirst ? (element * columns) + anchor : (anchor * columns) + element;
            if (model.OutputType == TensorElementType.Float16)
            {
                MemoryMarshal.Cast<byte, Half>(tensor.AsSpan())[index] = (Half)value;
            }
            else
            {
                MemoryMarshal.Cast<byte, float>(tensor.AsSpan())[index] = value;
            }
        }
    }
}
