using System.Buffers.Binary;

namespace YoloZeroCopy;

/// <summary>Reads the markers of a JPEG file (T.81 annex B) and drives the decoding of its scans. Throws <see cref="InvalidDataException"/> for anything wrong.</summary>
internal ref struct JpegDecoder
{
    // A progressive picture has some ten scans; each costs a walk over the picture, so a hostile file must not have thousands.
    private const int MaxScans = 256;

    private readonly ReadOnlySpan<byte> data;
    private readonly int[]?[] quantTables = new int[4][];
    private readonly JpegHuffmanTable?[] dcTables = new JpegHuffmanTable?[4];
    private readonly JpegHuffmanTable?[] acTables = new JpegHuffmanTable?[4];
    private int position;
    private int width;
    private int height;
    private bool progressive;
    private int restartInterval;
    private bool sawJfif;
    private int adobeTransform = -1;
    private JpegComponent[] components = [];

    public JpegDecoder(ReadOnlySpan<byte> data)
    {
        this.data = data;
        position = 2;
        Orientation = ExifOrientation.Upright;
    }

    /// <summary>Exif orientation, known after <see cref="ReadHeader"/>.</summary>
    public int Orientation { get; private set; }

    /// <summary>Order in which the file stores zigzag coefficients, by their place in the file: index in natural order (T.81 figure A.6).</summary>
    public static ReadOnlySpan<byte> NaturalOrder =>
    [
        0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
        35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
    ];

    /// <summary>Reads up to the first scan.</summary>
    /// <returns>Size of the picture as decoded, after turning.</returns>
    public PictureInfo ReadHeader()
    {
        while (true)
        {
            byte marker = NextMarker();
            if (marker == JpegMarkers.StartOfScan)
            {
                if (components.Length == 0)
                {
                    throw new InvalidDataException("damaged JPEG: a scan comes before the frame header.");
                }

                return ExifOrientation.SwapsAxes(Orientation)
                    ? new PictureInfo(PictureKind.Jpeg, height, width)
                    : new PictureInfo(PictureKind.Jpeg, width, height);
            }

            ReadSegment(marker);
        }
    }

    /// <summary>Decodes the picture; <see cref="ReadHeader"/> must have been called, and <paramref name="rows"/> fit what it returned.</summary>
    public void Decode(scoped PictureRows rows)
    {
        JpegColorModel model = FindColorModel();
        ThrowIfTooShort();
        try
        {
            foreach (JpegComponent component in components)
            {
                component.Rent(progressive);
            }

            ReadScans();
            if (progressive)
            {
                foreach (JpegComponent component in components)
                {
                    JpegProgressiveScan.Reconstruct(component);
                }
            }

            JpegOutput.Write(components, width, height, model, rows);
        }
        finally
        {
            foreach (JpegComponent component in components)
            {
                component.Return();
            }
        }
    }

    private void ReadScans()
    {
        int scans = 0;
        byte marker = JpegMarkers.StartOfScan;
        while (marker != JpegMarkers.EndOfImage)
        {
            if (marker == JpegMarkers.StartOfScan)
            {
                if (++scans > MaxScans)
                {
                    throw new InvalidDataException($"a JPEG of more than {MaxScans} scans is refused.");
                }

                ReadScan();

                // Some cameras leave out the end marker; a sequential picture is complete without it.
                if (!progressive && Array.TrueForAll(components, static component => component.IsDecoded))
                {
                    return;
                }
            }
            else
            {
                ReadSegment(marker);
            }

            marker = NextMarker();
        }

        foreach (JpegComponent component in components)
        {
            if (progressive ? component.BitsDone[0] < 0 : !component.IsDecoded)
            {
                throw new InvalidDataException($"truncated JPEG: component {component.Id} has no scan.");
            }
        }
    }

    private byte NextMarker()
    {
        while (true)
        {
            int found = JpegMarkers.Find(data, position);
            if (found < 0)
            {
                throw new InvalidDataException("truncated JPEG: the file ends before the picture does.");
            }

            position = found + 1;
            byte marker = data[found];
            if (marker is not (>= JpegMarkers.Restart0 and <= JpegMarkers.Restart7) and not JpegMarkers.Temporary)
            {
                return marker;
            }
        }
    }

    private ReadOnlySpan<byte> TakeSegment(byte marker)
    {
        int length = position + 2 <= data.Length ? BinaryPrimitives.ReadUInt16BigEndian(data[position..]) : 0;
        if (length < 2 || length > data.Length - position)
        {
            throw new InvalidDataException($"truncated JPEG: segment FF{marker:X2} at byte {position} claims {length} bytes of the {data.Length - position} left.");
        }

        ReadOnlySpan<byte> segment = data.Slice(position + 2, length - 2);
        position += length;
        return segment;
    }

    private void ReadSegment(byte marker)
    {
        if (marker is JpegMarkers.StartOfImage or JpegMarkers.EndOfImage)
        {
            throw new InvalidDataException($"damaged JPEG: marker FF{marker:X2} at byte {position - 2} comes too early.");
        }

        ReadOnlySpan<byte> segment = TakeSegment(marker);
        switch (marker)
        {
            case JpegMarkers.QuantizationTables:
                ReadQuantTables(segment);
                break;
            case JpegMarkers.HuffmanTables:
                ReadHuffmanTables(segment);
                break;
            case JpegMarkers.RestartInterval:
                restartInterval = segment.Length == 2
                    ? BinaryPrimitives.ReadUInt16BigEndian(segment)
                    : throw new InvalidDataException($"damaged JPEG: a restart interval takes 2 bytes, {segment.Length} were found.");
                break;
            case JpegMarkers.App0:
                sawJfif |= segment.StartsWith("JFIF\0"u8);
                break;
            case JpegMarkers.App1 when segment.StartsWith("Exif\0"u8) && segment.Length > 6:
                Orientation = ExifOrientation.Read(segment[6..]);
                break;
            case JpegMarkers.App14 when segment.StartsWith("Adobe"u8) && segment.Length >= 12:
                adobeTransform = segment[11];
                break;
            case JpegMarkers.Baseline or JpegMarkers.ExtendedSequential or JpegMarkers.Progressive:
                ReadFrame(marker, segment);
                break;
            case JpegMarkers.ArithmeticConditioning or (>= JpegMarkers.Baseline and <= JpegMarkers.LastStartOfFrame):
                throw new InvalidDataException($"JPEG of a kind that is not read (marker FF{marker:X2}): only Huffman-coded baseline, extended sequential and progressive are.");
            case JpegMarkers.NumberOfLines:
                throw new InvalidDataException("a JPEG whose height follows the data (marker FFDC) is not read.");
            default:
                break;
        }
    }

    private readonly void ReadQuantTables(ReadOnlySpan<byte> segment)
    {
        while (segment.Length > 0)
        {
            int bytes = (segment[0] >> 4) == 0 ? 1 : 2;
            int index = segment[0] & 15;
            if (segment[0] >> 4 > 1 || index > 3 || segment.Length < 1 + (64 * bytes))
            {
                throw new InvalidDataException("damaged JPEG: a quantisation table is incomplete or has a wrong number.");
            }

            int[] table = new int[64];
            for (int i = 0; i < 64; i++)
            {
                int step = bytes == 1 ? segment[1 + i] : BinaryPrimitives.ReadUInt16BigEndian(segment[(1 + (2 * i))..]);
                table[NaturalOrder[i]] = step;
            }

            quantTables[index] = table;
            segment = segment[(1 + (64 * bytes))..];
        }
    }

    private readonly void ReadHuffmanTables(ReadOnlySpan<byte> segment)
    {
        while (segment.Length > 0)
        {
            int total = 0;
            for (int i = 1; i <= 16 && i < segment.Length; i++)
            {
                total += segment[i];
            }

            int index = segment[0] & 15;
            if (segment[0] >> 4 > 1 || index > 3 || total > 256 || segment.Length < 17 + total)
            {
                throw new InvalidDataException("damaged JPEG: a Huffman table is incomplete or has a wrong number.");
            }

            JpegHuffmanTable?[] tables = segment[0] >> 4 == 0 ? dcTables : acTables;
            tables[index] = new JpegHuffmanTable(segment.Slice(1, 16), segment.Slice(17, total));
            segment = segment[(17 + total)..];
        }
    }

    private void ReadFrame(byte marker, ReadOnlySpan<byte> segment)
    {
        if (components.Length != 0)
        {
            throw new InvalidDataException("damaged JPEG: it has two frame headers.");
        }

        int count = segment.Length >= 6 ? segment[5] : 0;
        if (segment.Length < 6 || segment.Length != 6 + (3 * count))
        {
            throw new InvalidDataException($"damaged JPEG: a frame header of {count} components has {segment.Length} bytes.");
        }

        if (segment[0] != 8)
        {
            throw new InvalidDataException($"a JPEG with {segment[0]} bits a sample is not read; 8 is.");
        }

        height = BinaryPrimitives.ReadUInt16BigEndian(segment[1..]);
        width = BinaryPrimitives.ReadUInt16BigEndian(segment[3..]);
        PictureFile.ThrowIfBadSize(width, height);
        if (count is not (1 or 3))
        {
            throw new InvalidDataException($"a JPEG of {count} components (CMYK has 4) is not read; gray and colour of 1 and 3 are.");
        }

        progressive = marker == JpegMarkers.Progressive;
        JpegComponent[] found = new JpegComponent[count];
        int maxH = 1;
        int maxV = 1;
        for (int i = 0; i < count; i++)
        {
            ReadOnlySpan<byte> entry = segment.Slice(6 + (3 * i), 3);
            JpegComponent component = new() { Id = entry[0], H = entry[1] >> 4, V = entry[1] & 15, QuantTable = entry[2] };
            if (component.H is < 1 or > 4 || component.V is < 1 or > 4 || component.QuantTable > 3)
            {
                throw new InvalidDataException($"damaged JPEG: component {component.Id} has sampling {component.H}x{component.V} and quantisation table {component.QuantTable}.");
            }

            for (int other = 0; other < i; other++)
            {
                if (found[other].Id == component.Id)
                {
                    throw new InvalidDataException($"damaged JPEG: two components have the number {component.Id}.");
                }
            }

            maxH = Math.Max(maxH, component.H);
            maxV = Math.Max(maxV, component.V);
            found[i] = component;
        }

        foreach (JpegComponent component in found)
        {
            if (maxH % component.H != 0 || maxV % component.V != 0)
            {
                throw new InvalidDataException($"a JPEG with fractional sampling ({component.H}x{component.V} of {maxH}x{maxV}) is not read.");
            }

            component.SetSize(width, height, maxH, maxV);
        }

        components = found;
    }

    // The models in libjpeg's order of belief: JFIF, Adobe's transform, the components' numbers.
    private readonly JpegColorModel FindColorModel()
    {
        if (components.Length == 1)
        {
            return JpegColorModel.Gray;
        }

        if (!sawJfif && adobeTransform >= 0)
        {
            return adobeTransform == 0 ? JpegColorModel.Rgb : JpegColorModel.YCbCr;
        }

        bool namedRgb = components[0].Id == 'R' && components[1].Id == 'G' && components[2].Id == 'B';
        return !sawJfif && namedRgb ? JpegColorModel.Rgb : JpegColorModel.YCbCr;
    }

    // Every block takes at least one bit (progressive: its DC code) or two (its DC and end-of-block codes), so a short file cannot make us allocate a large picture.
    private readonly void ThrowIfTooShort()
    {
        long blocks = 0;
        foreach (JpegComponent component in components)
        {
            blocks += (long)component.Columns * component.Rows;
        }

        long wanted = blocks * (progressive ? 1 : 2) / 8;
        if (data.Length - position < wanted)
        {
            throw new InvalidDataException($"truncated JPEG: {width}x{height} pixels need at least {wanted} bytes of data, {data.Length - position} are there.");
        }
    }

    private void ReadScan()
    {
        ReadOnlySpan<byte> segment = TakeSegment(JpegMarkers.StartOfScan);
        int count = segment.Length > 0 ? segment[0] : 0;
        if (count < 1 || count > components.Length || segment.Length != 4 + (2 * count))
        {
            throw new InvalidDataException($"damaged JPEG: a scan header of {count} components has {segment.Length} bytes.");
        }

        JpegScanComponent[] parts = new JpegScanComponent[count];
        for (int i = 0; i < count; i++)
        {
            int id = segment[1 + (2 * i)];
            int tables = segment[2 + (2 * i)];
            JpegComponent component = Array.Find(components, other => other.Id == id)
                ?? throw new InvalidDataException($"damaged JPEG: a scan names component {id}, which the frame does not have.");
            if (tables >> 4 > 3 || (tables & 15) > 3 || Array.Exists(parts, part => part.Component == component))
            {
                throw new InvalidDataException($"damaged JPEG: a scan names component {id} twice or a table that cannot be.");
            }

            component.Quant ??= quantTables[component.QuantTable]
                ?? throw new InvalidDataException($"damaged JPEG: quantisation table {component.QuantTable} is missing.");
            parts[i] = new JpegScanComponent(component, dcTables[tables >> 4], acTables[tables & 15]);
        }

        ReadOnlySpan<byte> tail = segment[(1 + (2 * count))..];
        JpegBitReader reader = new(data, position);
        if (progressive)
        {
            JpegProgressiveScan scan = new(parts, tail[0], tail[1], tail[2] >> 4, tail[2] & 15);
            scan.Decode(ref reader, width, height, components, restartInterval);
        }
        else
        {
            JpegSequentialScan.Decode(ref reader, parts, width, height, components, restartInterval);
        }

        position = reader.Position;
    }
}
