namespace YoloZeroCopy;

/// <summary>Decodes a scan of a baseline or extended sequential picture (T.81 F.2) straight into samples.</summary>
internal static class JpegSequentialScan
{
    public static void Decode(
        ref JpegBitReader reader, ReadOnlySpan<JpegScanComponent> parts, int width, int height, ReadOnlySpan<JpegComponent> components, int restartInterval)
    {
        JpegScanLayout layout = JpegScanLayout.Of(parts, components, width, height);
        foreach (JpegScanComponent part in parts)
        {
            part.Component.DcPrediction = 0;
            part.Component.IsDecoded = part.Component.IsDecoded
                ? throw new InvalidDataException($"damaged JPEG: component {part.Component.Id} has two scans.")
                : true;
        }

        int untilRestart = restartInterval;
        int restarts = 0;
        Span<short> block = stackalloc short[64];
        for (int row = 0; row < layout.Rows; row++)
        {
            for (int column = 0; column < layout.Columns; column++)
            {
                if (restartInterval != 0 && untilRestart-- == 0)
                {
                    JpegScanLayout.ThrowIfOverrun(reader);
                    reader.Restart(restarts++ & 7);
                    untilRestart = restartInterval - 1;
                    foreach (JpegScanComponent part in parts)
                    {
                        part.Component.DcPrediction = 0;
                    }
                }

                foreach (JpegScanComponent part in parts)
                {
                    JpegComponent component = part.Component;
                    int blocksAcross = layout.Interleaved ? component.H : 1;
                    int blocksDown = layout.Interleaved ? component.V : 1;
                    for (int v = 0; v < blocksDown; v++)
                    {
                        for (int h = 0; h < blocksAcross; h++)
                        {
                            int x = (column * blocksAcross) + h;
                            int y = (row * blocksDown) + v;
                            Span<byte> samples = component.Samples.AsSpan((y * 8 * component.Stride) + (x * 8));
                            DecodeBlock(ref reader, part, block, samples);
                        }
                    }
                }
            }

            // Behind the end the reader gives zeros, so a look per row is enough to stop soon.
            JpegScanLayout.ThrowIfOverrun(reader);
        }
    }

    private static void DecodeBlock(ref JpegBitReader reader, in JpegScanComponent part, scoped Span<short> block, scoped Span<byte> samples)
    {
        JpegComponent component = part.Component;
        reader.Need32();
        int category = part.NeedDc().Decode(ref reader);
        if (category > 15)
        {
            throw new InvalidDataException($"damaged JPEG data: DC category {category}.");
        }

        if (category != 0)
        {
            component.DcPrediction += reader.TakeSigned(category);
        }

        short dc = (short)component.DcPrediction;
        JpegHuffmanTable ac = part.NeedAc();
        ReadOnlySpan<byte> order = JpegDecoder.NaturalOrder;
        bool onlyDc = true;
        int k = 1;
        while (k < 64)
        {
            reader.Need32();
            int symbol = ac.Decode(ref reader);
            int size = symbol & 15;
            int run = symbol >> 4;
            if (size == 0)
            {
                if (run != 15)
                {
                    break;
                }

                k += 16;
                continue;
            }

            k += run;
            if (k > 63)
            {
                throw new InvalidDataException("damaged JPEG data: a block has more than 64 coefficients.");
            }

            if (onlyDc)
            {
                onlyDc = false;
                block.Clear();
            }

            block[order[k++]] = (short)reader.TakeSigned(size);
        }

        if (onlyDc)
        {
            JpegIdct.TransformDc(dc, component.Quant![0], samples, component.Stride);
            return;
        }

        block[0] = dc;
        JpegIdct.Transform(block, component.Quant, samples, component.Stride);
    }
}
