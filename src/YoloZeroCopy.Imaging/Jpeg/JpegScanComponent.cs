namespace YoloZeroCopy;

/// <summary>How the components of a JPEG picture make colours.</summary>
internal enum JpegColorModel
{
    Gray,
    YCbCr,
    Rgb,
}

/// <summary>A component's part in a scan: the tables its codes use there.</summary>
internal readonly record struct JpegScanComponent(JpegComponent Component, JpegHuffmanTable? Dc, JpegHuffmanTable? Ac)
{
    public JpegHuffmanTable NeedDc() => Dc ?? throw new InvalidDataException($"damaged JPEG: the scan of component {Component.Id} has no DC Huffman table.");

    public JpegHuffmanTable NeedAc() => Ac ?? throw new InvalidDataException($"damaged JPEG: the scan of component {Component.Id} has no AC Huffman table.");
}

/// <summary>The order of minimum coded units in a scan (T.81 A.2): one block each for a component alone, H x V blocks of each component otherwise.</summary>
internal readonly record struct JpegScanLayout(bool Interleaved, int Columns, int Rows)
{
    public static JpegScanLayout Of(ReadOnlySpan<JpegScanComponent> parts, ReadOnlySpan<JpegComponent> components, int width, int height)
    {
        if (parts.Length == 1)
        {
            return new JpegScanLayout(false, parts[0].Component.Columns, parts[0].Component.Rows);
        }

        int maxH = 1;
        int maxV = 1;
        foreach (JpegComponent component in components)
        {
            maxH = Math.Max(maxH, component.H);
            maxV = Math.Max(maxV, component.V);
        }

        int blocks = 0;
        foreach (JpegScanComponent part in parts)
        {
            blocks += part.Component.H * part.Component.V;
        }

        // T.81 B.2.3 allows ten blocks a unit.
        return blocks <= 10
            ? new JpegScanLayout(true, (width + (8 * maxH) - 1) / (8 * maxH), (height + (8 * maxV) - 1) / (8 * maxV))
            : throw new InvalidDataException($"damaged JPEG: a unit of {blocks} blocks is above the ten that are allowed.");
    }

    public static void ThrowIfOverrun(in JpegBitReader reader)
    {
        if (reader.IsOverrun)
        {
            throw new InvalidDataException("truncated JPEG data: a scan ends before its last block.");
        }
    }
}
