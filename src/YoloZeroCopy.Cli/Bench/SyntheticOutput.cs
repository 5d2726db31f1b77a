using System.Runtime.InteropServices;

namespace YoloZeroCopy.Cli;

/// <summary>A model's output of one picture with a known number of candidates, for measuring what comes after the engine.</summary>
internal static class SyntheticOutput
{
    private const float Noise = 0.01f;

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
