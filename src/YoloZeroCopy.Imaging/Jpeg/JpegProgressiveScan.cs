namespace YoloZeroCopy;

/// <summary>Decodes one scan of a progressive picture (T.81 annex G) into the components' coefficients.</summary>
internal ref struct JpegProgressiveScan
{
    private readonly ReadOnlySpan<JpegScanComponent> parts;
    private readonly int first;
    private readonly int last;
    private readonly bool refines;
    private readonly int shift;
    private int endOfBandRun;

    /// <param name="parts">Components of the scan and their tables.</param>
    /// <param name="first">First coefficient, zigzag order (Ss).</param>
    /// <param name="last">Last coefficient (Se).</param>
    /// <param name="highBit">Lowest bit that earlier scans brought (Ah), 0 for a first scan.</param>
    /// <param name="lowBit">Lowest bit that this scan brings (Al).</param>
    public JpegProgressiveScan(ReadOnlySpan<JpegScanComponent> parts, int first, int last, int highBit, int lowBit)
    {
        bool good = first == 0 ? last == 0 : last >= first && last <= 63 && parts.Length == 1;
        if (!good || lowBit > 13 || (highBit != 0 && highBit != lowBit + 1))
        {
            throw new InvalidDataException($"damaged JPEG: a progressive scan of coefficients {first} to {last}, bits {highBit} to {lowBit}, cannot be.");
        }

        this.parts = parts;
        this.first = first;
        this.last = last;
        refines = highBit != 0;
        shift = lowBit;
        foreach (JpegScanComponent part in parts)
        {
            sbyte[] done = part.Component.BitsDone;
            for (int k = first; k <= last; k++)
            {
                if (done[k] != (refines ? highBit : -1) || (k > 0 && done[0] < 0))
                {
                    throw new InvalidDataException($"damaged JPEG: the scans of component {part.Component.Id} are in an order that cannot be.");
                }

                done[k] = (sbyte)lowBit;
            }
        }
    }

    public void Decode(ref JpegBitReader reader, int width, int height, ReadOnlySpan<JpegComponent> components, int restartInterval)
    {
        JpegScanLayout layout = JpegScanLayout.Of(parts, components, width, height);
        ResetPredictions();
        int untilRestart = restartInterval;
        int restarts = 0;
        for (int row = 0; row < layout.Rows; row++)
        {
            for (int column = 0; column < layout.Columns; column++)
            {
                if (restartInterval != 0 && untilRestart-- == 0)
                {
                    JpegScanLayout.ThrowIfOverrun(reader);
                    reader.Restart(restarts++ & 7);
                    untilRestart = restartInterval - 1;
                    ResetPredictions();
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
                            int index = (((row * blocksDown) + v) * component.PaddedColumns) + (column * blocksAcross) + h;
                            DecodeBlock(ref reader, part, component.Coefficients.AsSpan(index * 64, 64));
                        }
                    }
                }
            }

            JpegScanLayout.ThrowIfOverrun(reader);
        }
    }

    /// <summary>Turns a component's coefficients into samples once all scans are read.</summary>
    public static void Reconstruct(JpegComponent component)
    {
        int stride = component.Stride;
        for (int row = 0; row < component.Rows; row++)
        {
            for (int column = 0; column < component.Columns; column++)
            {
                ReadOnlySpan<short> block = component.Coefficients.AsSpan(((row * component.PaddedColumns) + column) * 64, 64);
                Span<byte> samples = component.Samples.AsSpan((row * 8 * stride) + (column * 8));
                if (block[1..].IndexOfAnyExcept((short)0) < 0)
                {
                    JpegIdct.TransformDc(block[0], component.Quant![0], samples, stride);
                }
                else
                {
                    JpegIdct.Transform(block, component.Quant, samples, stride);
                }
            }
        }
    }

    private void ResetPredictions()
    {
        endOfBandRun = 0;
        foreach (JpegScanComponent part in parts)
        {
            part.Component.DcPrediction = 0;
        }
    }

    private void DecodeBlock(ref JpegBitReader reader, in JpegScanComponent part, Span<short> block)
    {
        if (first == 0)
        {
            DecodeDc(ref reader, part, block);
        }
        else if (refines)
        {
            RefineAc(ref reader, part.NeedAc(), block);
        }
        else
        {
            DecodeAc(ref reader, part.NeedAc(), block);
        }
    }

    private readonly void DecodeDc(ref JpegBitReader reader, in JpegScanComponent part, Span<short> block)
    {
        if (refines)
        {
            block[0] |= (short)(reader.TakeBit() << shift);
            return;
        }

        reader.Need32();
        int category = part.NeedDc().Decode(ref reader);
        if (category > 15)
        {
            throw new InvalidDataException($"damaged JPEG data: DC category {category}.");
        }

        if (category != 0)
        {
            part.Component.DcPrediction += reader.TakeSigned(category);
        }

        block[0] = (short)(part.Component.DcPrediction << shift);
    }

    private void DecodeAc(ref JpegBitReader reader, JpegHuffmanTable table, Span<short> block)
    {
        if (endOfBandRun > 0)
        {
            endOfBandRun--;
            return;
        }

        for (int k = first; k <= last; k++)
        {
            reader.Need32();
            int symbol = table.Decode(ref reader);
            int size = symbol & 15;
            int run = symbol >> 4;
            if (size == 0 && run != 15)
            {
                endOfBandRun = TakeEndOfBandRun(ref reader, run) - 1;
                return;
            }

            k += run;
            if (size == 0)
            {
                continue;
            }

            ThrowIfBehindBand(k);
            block[JpegDecoder.NaturalOrder[k]] = (short)(reader.TakeSigned(size) << shift);
        }
    }

    // T.81 G.1.2.3: values that are not zero yet get one correction bit each as they are passed; zeros are counted off against the run.
    private void RefineAc(ref JpegBitReader reader, JpegHuffmanTable table, Span<short> block)
    {
        int k = first;
        if (endOfBandRun == 0)
        {
            while (k <= last)
            {
                reader.Need32();
                int symbol = table.Decode(ref reader);
                int size = symbol & 15;
                int run = symbol >> 4;
                int value = 0;
                if (size == 0)
                {
                    if (run != 15)
                    {
                        endOfBandRun = TakeEndOfBandRun(ref reader, run);
                        break;
                    }
                }
                else if (size == 1)
                {
                    value = reader.Take(1) != 0 ? 1 << shift : -(1 << shift);
                }
                else
                {
                    throw new InvalidDataException($"damaged JPEG data: a refining value of {size} bits.");
                }

                k = Refine(ref reader, block, k, run);
                if (value != 0)
                {
                    ThrowIfBehindBand(k);
                    block[JpegDecoder.NaturalOrder[k]] = (short)value;
                }

                k++;
            }
        }

        if (endOfBandRun > 0)
        {
            _ = Refine(ref reader, block, k, int.MaxValue);
            endOfBandRun--;
        }
    }

    // Corrects values from k on until `zeros` zero coefficients were passed; returns the index of the next zero, or one behind the band.
    private readonly int Refine(ref JpegBitReader reader, Span<short> block, int k, int zeros)
    {
        for (; k <= last; k++)
        {
            ref short coefficient = ref block[JpegDecoder.NaturalOrder[k]];
            if (coefficient == 0)
            {
                if (zeros-- == 0)
                {
                    break;
                }
            }
            else if (reader.TakeBit() != 0 && (coefficient & (1 << shift)) == 0)
            {
                coefficient += (short)(coefficient > 0 ? 1 << shift : -(1 << shift));
            }
        }

        return k;
    }

    private static int TakeEndOfBandRun(ref JpegBitReader reader, int category) => category == 0 ? 1 : (1 << category) + reader.Take(category);

    private readonly void ThrowIfBehindBand(int k)
    {
        if (k > last)
        {
            throw new InvalidDataException("damaged JPEG data: a coefficient lies behind its band.");
        }
    }
}
