using System.Runtime.InteropServices;

namespace YoloZeroCopy.Tests;

/// <summary>Made-up maps of a head for a batch, in both layouts.</summary>
internal sealed class HeadMaps
{
    private readonly int pictures;

    // Of each map, each picture: [cells, channels].
    private readonly Half[][][] values;

    private HeadMaps(DetectionHead head, int pictures)
    {
        Head = head;
        this.pictures = pictures;
        values = [.. head.Maps.Select(map => Enumerable.Range(0, pictures).Select(_ => new Half[map.Width * map.Height * map.Channels]).ToArray())];
    }

    /// <summary>The head, channels last.</summary>
    public DetectionHead Head { get; }

    /// <summary>Maps with some candidates, half of them with logits around the threshold's own.</summary>
    public static HeadMaps Random(DetectionHead head, int pictures, double candidates, DecodingOptions options, int seed)
    {
        Random random = new(seed);
        HeadMaps maps = new(head with { ElementType = TensorElementType.Float16, IsChannelsLast = true }, pictures);
        float threshold = HeadValues.Logit(Math.Clamp(options.ScoreThreshold, 1e-5f, 1 - 1e-5f));
        if (head.Layout == OutputLayout.AnchorsFirst)
        {
            maps.FillAnchorBoxes(random, candidates, threshold);
            return maps;
        }

        for (int level = 0; level < head.Levels.Length; level++)
        {
            for (int picture = 0; picture < pictures; picture++)
            {
                foreach (ref Half value in maps.values[2 * level][picture].AsSpan())
                {
                    value = (Half)(head.Bins == 1 ? (random.NextSingle() * 12) - 0.5f : (random.NextSingle() * 16) - 8);
                }

                for (int cell = 0; cell < head.Levels[level].Cells; cell++)
                {
                    Span<Half> logits = maps.Logits(level, picture, cell);
                    foreach (ref Half logit in logits)
                    {
                        logit = (Half)(-12 + (random.NextSingle() * 4));
                    }

                    if (random.NextDouble() < candidates)
                    {
                        // A few of the nearest halves on either side of the threshold's logit, both zeros, and any above; now and then two equal
                        // ones.
                        Half logit = random.Next(8) switch
                        {
                            < 4 => Neighbour((Half)threshold, random.Next(9) - 4),
                            4 => (Half)0f,
                            5 => -(Half)0f,
                            _ => (Half)(threshold + (random.NextSingle() * 8)),
                        };
                        logits[random.Next(logits.Length)] = logit;
                        logits[random.Next(logits.Length)] = logit == Half.Zero ? -logit : logit;
                    }
                }
            }
        }

        return maps;
    }

    /// <summary>Centre, size, objectness and class logits of one of a cell's anchor boxes.</summary>
    public Span<Half> AnchorBox(int level, int picture, int cell, int box) =>
        values[level][picture].AsSpan((cell * Head.Levels[level].Sides.Channels) + (box * Head.AnchorChannels), Head.AnchorChannels);

    /// <summary>Logits of a cell.</summary>
    public Span<Half> Logits(int level, int picture, int cell) => Of((2 * level) + 1, picture, cell, Head.ClassCount);

    /// <summary>Sides of a cell.</summary>
    public Span<Half> Sides(int level, int picture, int cell) => Of(2 * level, picture, cell, 4 * Head.Bins);

    /// <summary>The batch's output, channels last; what fills them up is anything.</summary>
    public byte[] ToBytes()
    {
        byte[] bytes = new byte[pictures * Head.PictureBytes];
        Span<Half> to = MemoryMarshal.Cast<byte, Half>(bytes.AsSpan());
        Half[] anything = [Half.NaN, Half.PositiveInfinity, Half.MaxValue, Half.NegativeInfinity];
        int at = 0;
        foreach ((HeadMap map, Half[][] ofMap) in Head.Maps.Zip(values))
        {
            int cells = map.Width * map.Height;
            int step = Head.MapBytes(map) / cells / sizeof(ushort);
            foreach (Half[] picture in ofMap)
            {
                for (int cell = 0; cell < cells; cell++)
                {
                    picture.AsSpan(cell * map.Channels, map.Channels).CopyTo(to[at..]);
                    for (int channel = map.Channels; channel < step; channel++)
                    {
                        to[at + channel] = anything[(cell + channel) % anything.Length];
                    }

                    at += step;
                }
            }
        }

        return bytes;
    }

    /// <summary>Detections of a picture as the processor finds them, which has the channels first.</summary>
    public unsafe Detection[] Decode(int picture, DecodingOptions options, in Letterbox letterbox)
    {
        DetectionHead first = Head with { IsChannelsLast = false };
        Half[] output = new Half[first.PictureBytes / sizeof(ushort)];
        int at = 0;
        foreach ((HeadMap map, Half[][] ofMap) in Head.Maps.Zip(values))
        {
            int cells = map.Width * map.Height;
            for (int index = 0; index < cells * map.Channels; index++)
            {
                output[at + ((index % map.Channels) * cells) + (index / map.Channels)] = ofMap[picture][index];
            }

            at += cells * map.Channels;
        }

        Detection[] detections = new Detection[options.MaxDetections];
        fixed (Half* address = output)
        {
            return detections[..OutputDecoder.For(first, options).Decode((nint)address, 1, 0, letterbox, detections)];
        }
    }

    private void FillAnchorBoxes(Random random, double candidates, float threshold)
    {
        for (int level = 0; level < Head.Levels.Length; level++)
        {
            for (int index = 0; index < pictures * Head.Levels[level].Anchors; index++)
            {
                int anchor = index / pictures;
                Span<Half> channels = AnchorBox(
                    level, index % pictures, anchor % Head.Levels[level].Cells, anchor / Head.Levels[level].Cells);
                foreach (ref Half value in channels)
                {
                    value = (Half)((random.NextSingle() * 8) - 4);
                }

                // Objectness around the threshold or nearly sure, and two equal classes.
                channels[4] = random.NextDouble() >= candidates ? (Half)(-12 + random.NextSingle())
                    : random.Next(2) == 0 ? Neighbour((Half)threshold, random.Next(9) - 4) : (Half)(threshold + 6);
                Half best = (Half)(random.Next(4) == 0 ? 0 : threshold + (random.NextSingle() * 8));
                channels[5 + random.Next(Head.ClassCount)] = best;
                channels[5 + random.Next(Head.ClassCount)] = best == Half.Zero ? -best : best;
            }
        }
    }

    private static Half Neighbour(Half value, int steps)
    {
        for (; steps > 0; steps--)
        {
            value = Half.BitIncrement(value);
        }

        for (; steps < 0; steps++)
        {
            value = Half.BitDecrement(value);
        }

        return value;
    }

    private Span<Half> Of(int map, int picture, int cell, int channels) => values[map][picture].AsSpan(cell * channels, channels);
}
