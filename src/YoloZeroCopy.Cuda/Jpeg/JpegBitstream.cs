using System.Buffers.Binary;

namespace YoloZeroCopy.Cuda;

/// <summary>
/// A JPEG that was read up to its end and found whole: what it declares fits together and fits the length of its data. Native decoders have been
/// seen to crash on headers that do not, so nothing else reaches one.
/// </summary>
/// <remarks>
/// Taken are pictures as cameras send them: 8 bits, Huffman code, one sequential scan, gray or Y, Cb and Cr. <see cref="Write"/> gives the same
/// picture with the segments that matter to it and no others, and with the standard's Huffman tables where a camera leaves them out.
/// </remarks>
internal readonly record struct JpegBitstream
{
    private const byte StartOfImage = 0xD8;
    private const byte EndOfImage = 0xD9;
    private const byte StartOfScan = 0xDA;
    private const byte Quantization = 0xDB;
    private const byte RestartInterval = 0xDD;
    private const byte Huffman = 0xC4;
    private const byte Baseline = 0xC0;
    private const byte Extended = 0xC1;
    private const byte Adobe = 0xEE;

    // The largest categories of differences and of coefficients with samples of 8 bits.
    private const int MaxDifferenceCategory = 11;
    private const int MaxCoefficientCategory = 10;
    private const int MaxBlocksOfUnit = 10;

    // A block has a code for its mean and one that ends it, each of a bit at least.
    private const int LeastBitsOfBlock = 2;

    private JpegBitstream(in Headers headers, int scanStart, int scanEnd)
    {
        Width = headers.Width;
        Height = headers.Height;
        IsForEngine = headers.IsForEngine;
        ScanStart = scanStart;
        ScanEnd = scanEnd;
        HasHuffman = headers.HasHuffman;
    }

    /// <summary>Width in pixels.</summary>
    public int Width { get; }

    /// <summary>Height in pixels.</summary>
    public int Height { get; }

    /// <summary>True for pictures that the devices' engines take: baseline, and not of a quarter of the chroma side by side.</summary>
    public bool IsForEngine { get; }

    /// <summary>Bytes that <see cref="Write"/> takes at most.</summary>
    public int MaxBytes => ScanEnd + (HasHuffman ? 0 : StandardHuffmanTables.Length) + 2;

    // From the coded data's first byte to the marker behind them.
    private int ScanStart { get; }

    private int ScanEnd { get; }

    private bool HasHuffman { get; }

    // A frame header of one component, and where its sampling factors stand.
    private const int GrayFrameBytes = 9;
    private const int LoneSampling = 7;

    // The tables K.3 to K.6 of ITU-T T.81, as one segment.
    private static ReadOnlySpan<byte> StandardHuffmanTables =>
    [
        0xFF, Huffman, 0x01, 0xA2,
        0x00, 0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,
        0x10, 0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 125,
        0x01, 0x02, 0x03, 0x00, 0x04, 0x11, 0x05, 0x12, 0x21, 0x31, 0x41, 0x06, 0x13, 0x51, 0x61, 0x07, 0x22, 0x71, 0x14, 0x32, 0x81, 0x91, 0xA1,
        0x08, 0x23, 0x42, 0xB1, 0xC1, 0x15, 0x52, 0xD1, 0xF0, 0x24, 0x33, 0x62, 0x72, 0x82, 0x09, 0x0A, 0x16, 0x17, 0x18, 0x19, 0x1A, 0x25, 0x26,
        0x27, 0x28, 0x29, 0x2A, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3A, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4A, 0x53, 0x54, 0x55, 0x56,
        0x57, 0x58, 0x59, 0x5A, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6A, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7A, 0x83, 0x84, 0x85,
        0x86, 0x87, 0x88, 0x89, 0x8A, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9A, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6, 0xA7, 0xA8, 0xA9, 0xAA,
        0xB2, 0xB3, 0xB4, 0xB5, 0xB6, 0xB7, 0xB8, 0xB9, 0xBA, 0xC2, 0xC3, 0xC4, 0xC5, 0xC6, 0xC7, 0xC8, 0xC9, 0xCA, 0xD2, 0xD3, 0xD4, 0xD5, 0xD6,
        0xD7, 0xD8, 0xD9, 0xDA, 0xE1, 0xE2, 0xE3, 0xE4, 0xE5, 0xE6, 0xE7, 0xE8, 0xE9, 0xEA, 0xF1, 0xF2, 0xF3, 0xF4, 0xF5, 0xF6, 0xF7, 0xF8, 0xF9,
        0xFA,
        0x01, 0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,
        0x11, 0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 119,
        0x00, 0x01, 0x02, 0x03, 0x11, 0x04, 0x05, 0x21, 0x31, 0x06, 0x12, 0x41, 0x51, 0x07, 0x61, 0x71, 0x13, 0x22, 0x32, 0x81, 0x08, 0x14, 0x42,
        0x91, 0xA1, 0xB1, 0xC1, 0x09, 0x23, 0x33, 0x52, 0xF0, 0x15, 0x62, 0x72, 0xD1, 0x0A, 0x16, 0x24, 0x34, 0xE1, 0x25, 0xF1, 0x17, 0x18, 0x19,
        0x1A, 0x26, 0x27, 0x28, 0x29, 0x2A, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3A, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4A, 0x53, 0x54, 0x55,
        0x56, 0x57, 0x58, 0x59, 0x5A, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6A, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7A, 0x82, 0x83,
        0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8A, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9A, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6, 0xA7, 0xA8,
        0xA9, 0xAA, 0xB2, 0xB3, 0xB4, 0xB5, 0xB6, 0xB7, 0xB8, 0xB9, 0xBA, 0xC2, 0xC3, 0xC4, 0xC5, 0xC6, 0xC7, 0xC8, 0xC9, 0xCA, 0xD2, 0xD3, 0xD4,
        0xD5, 0xD6, 0xD7, 0xD8, 0xD9, 0xDA, 0xE2, 0xE3, 0xE4, 0xE5, 0xE6, 0xE7, 0xE8, 0xE9, 0xEA, 0xF2, 0xF3, 0xF4, 0xF5, 0xF6, 0xF7, 0xF8, 0xF9,
        0xFA,
    ];

    /// <summary>Reads a JPEG from its first byte to its end marker; what follows is ignored. Allocates nothing but exceptions.</summary>
    /// <exception cref="InvalidDataException">The picture is damaged or truncated.</exception>
    /// <exception cref="NotSupportedException">The picture is of a kind that is not taken.</exception>
    public static JpegBitstream Read(ReadOnlySpan<byte> jpeg)
    {
        if (jpeg.Length < 2 || jpeg[0] != 0xFF || jpeg[1] != StartOfImage)
        {
            throw new InvalidDataException("The bytes are no JPEG: they do not begin with FFD8.");
        }

        Headers headers = default;
        int position = 2;
        byte marker;
        ReadOnlySpan<byte> payload;
        while ((marker = ReadSegment(jpeg, ref position, out payload)) != StartOfScan)
        {
            headers.Add(marker, payload);
        }

        headers.CheckScan(payload);
        int end = position;
        int restarts = SkipScan(jpeg, ref end);
        headers.CheckData(end - position, restarts);
        ThrowIfNotTheEnd(jpeg[end + 1]);
        return new JpegBitstream(headers, position, end);
    }

    /// <summary>Writes the picture without what does not belong to it.</summary>
    /// <param name="jpeg">The bytes that were read.</param>
    /// <param name="to">Takes up to <see cref="MaxBytes"/>.</param>
    /// <returns>Bytes written.</returns>
    public int Write(ReadOnlySpan<byte> jpeg, Span<byte> to)
    {
        to[0] = 0xFF;
        to[1] = StartOfImage;
        int written = 2;
        if (!HasHuffman)
        {
            StandardHuffmanTables.CopyTo(to[written..]);
            written += StandardHuffmanTables.Length;
        }

        int position = 2;
        byte marker;
        do
        {
            marker = ReadSegment(jpeg, ref position, out ReadOnlySpan<byte> payload);
            if (marker is Baseline or Extended or Huffman or Quantization or RestartInterval or StartOfScan)
            {
                to[written] = 0xFF;
                to[written + 1] = marker;
                BinaryPrimitives.WriteUInt16BigEndian(to[(written + 2)..], (ushort)(payload.Length + 2));
                Span<byte> copy = to.Slice(written + 4, payload.Length);
                payload.CopyTo(copy);
                if (marker is Baseline or Extended && copy.Length == GrayFrameBytes)
                {
                    // Of a lone component the factors mean nothing (ITU-T T.81, A.2.2), and nvJPEG takes them for something.
                    copy[LoneSampling] = 0x11;
                }

                written += payload.Length + 4;
            }
        }
        while (marker != StartOfScan);

        jpeg[ScanStart..ScanEnd].CopyTo(to[written..]);
        written += ScanEnd - ScanStart;
        to[written] = 0xFF;
        to[written + 1] = EndOfImage;
        return written + 2;
    }

    /// <summary>Reads a marker and its segment; what lies before it is passed over, as other decoders do.</summary>
    private static byte ReadSegment(ReadOnlySpan<byte> jpeg, scoped ref int position, out ReadOnlySpan<byte> payload)
    {
        int start = position < jpeg.Length ? jpeg[position..].IndexOf((byte)0xFF) : -1;
        int behind = start < 0 ? -1 : jpeg[(position + start)..].IndexOfAnyExcept((byte)0xFF);
        if (behind < 0 || jpeg.Length - position - start - behind < 3)
        {
            throw Truncated();
        }

        position += start + behind;
        byte marker = jpeg[position];
        if (marker is 0 or 0x01 or (>= 0xD0 and <= EndOfImage))
        {
            throw new InvalidDataException($"The JPEG has the marker FF{marker:X2} among its headers.");
        }

        int length = BinaryPrimitives.ReadUInt16BigEndian(jpeg[(position + 1)..]);
        if (length < 2 || length > jpeg.Length - position - 1)
        {
            throw length < 2 ? new InvalidDataException($"A segment of the JPEG (FF{marker:X2}) is {length} bytes long.") : Truncated();
        }

        payload = jpeg.Slice(position + 3, length - 2);
        position += 1 + length;
        return marker;
    }

    /// <summary>Goes to the marker behind the coded data: in them FF is followed by 00, and restart markers belong to them.</summary>
    /// <returns>Restart markers.</returns>
    private static int SkipScan(ReadOnlySpan<byte> jpeg, ref int position)
    {
        int restarts = 0;
        while (true)
        {
            int next = jpeg[position..].IndexOf((byte)0xFF);
            if (next < 0 || position + next + 1 >= jpeg.Length)
            {
                throw Truncated();
            }

            byte marker = jpeg[position + next + 1];
            if (marker is >= 0xD0 and <= 0xD7)
            {
                if (marker != 0xD0 + (restarts & 7))
                {
                    throw new InvalidDataException("The JPEG's restart markers are not in their order: part of its data is missing.");
                }

                restarts++;
            }
            else if (marker is not (0 or 0xFF))
            {
                position += next;
                return restarts;
            }

            // Any number of FF may precede a marker.
            position += next + (marker == 0xFF ? 1 : 2);
        }
    }

    private static void ThrowIfNotTheEnd(byte marker)
    {
        if (marker is StartOfScan or Huffman or Quantization or RestartInterval)
        {
            throw new NotSupportedException("The JPEG has more than one scan; one that holds all components is wanted.");
        }

        if (marker != EndOfImage)
        {
            throw new InvalidDataException($"The JPEG's data end with the marker FF{marker:X2}; the end marker FFD9 is wanted.");
        }
    }

    private static InvalidDataException Truncated() => new("The JPEG is truncated: it ends before its end marker.");

    /// <summary>What the segments before the scan declare.</summary>
    private struct Headers
    {
        private int quantizationTables;
        private int differenceTables;
        private int coefficientTables;
        private int restartInterval;
        private bool isFramed;
        private bool isExtended;
        private bool hasJfif;
        private int adobeTransform;
        private int componentCount;
        private uint names;
        private uint samplings;
        private uint quantizations;

        public int Width { get; private set; }

        public int Height { get; private set; }

        public readonly bool IsForEngine => !isExtended && (componentCount == 1 || SamplingOf(0).Horizontal / SamplingOf(1).Horizontal <= 2);

        public readonly bool HasHuffman => (differenceTables | coefficientTables) != 0;

        public void Add(byte marker, ReadOnlySpan<byte> payload)
        {
            switch (marker)
            {
                case Baseline or Extended:
                    AddFrame(payload);
                    isExtended = marker == Extended;
                    break;
                case Huffman:
                    AddHuffman(payload);
                    break;
                case Quantization:
                    AddQuantization(payload);
                    break;
                case RestartInterval:
                    restartInterval = payload.Length == 2
                        ? BinaryPrimitives.ReadUInt16BigEndian(payload)
                        : throw new InvalidDataException($"The JPEG's restart interval takes {payload.Length} bytes; 2 are wanted.");
                    break;
                case Adobe when payload.Length >= 12 && payload.StartsWith("Adobe"u8):
                    adobeTransform = 1 + payload[11];
                    break;
                case 0xE0 when payload.StartsWith("JFIF"u8):
                    hasJfif = true;
                    break;
                case (>= 0xE0 and <= 0xEF) or 0xFE:
                    break;
                case >= 0xC2 and <= 0xCF or 0xDC or 0xDE or 0xDF:
                    throw new NotSupportedException(
                        $"The JPEG is of the kind FF{marker:X2}; sequential Huffman coding is wanted (FFC0 or FFC1 with 8 bits).");
                default:
                    throw new InvalidDataException($"The JPEG has a segment FF{marker:X2}, which the standard does not know.");
            }
        }

        /// <summary>Checks the scan's header against the tables and components that came before.</summary>
        public readonly void CheckScan(ReadOnlySpan<byte> scan)
        {
            if (!isFramed)
            {
                throw new InvalidDataException("The JPEG has no frame header before its scan.");
            }

            ThrowIfRgb();

            if (scan.IsEmpty || scan.Length != 4 + (2 * scan[0]))
            {
                throw new InvalidDataException("The header of the JPEG's scan has a wrong length.");
            }

            if (scan[0] != componentCount)
            {
                throw new NotSupportedException(
                    $"The JPEG's first scan has {scan[0]} of {componentCount} components; one scan that holds all of them is wanted.");
            }

            int most = isExtended ? 3 : 1;
            for (int i = 0; i < componentCount; i++)
            {
                byte name = scan[1 + (2 * i)];
                (int difference, int coefficient) = (scan[2 + (2 * i)] >> 4, scan[2 + (2 * i)] & 15);
                if (name != (byte)(names >> (8 * i)))
                {
                    throw new InvalidDataException("The JPEG's scan does not have the components of its frame in their order.");
                }

                if (difference > most || coefficient > most || !Has(differenceTables, difference) || !Has(coefficientTables, coefficient))
                {
                    throw new InvalidDataException($"The JPEG's component {name} uses a Huffman table that is not there.");
                }

                if ((quantizationTables & (1 << (int)(byte)(quantizations >> (8 * i)))) == 0)
                {
                    throw new InvalidDataException($"The JPEG's component {name} uses a quantisation table that is not there.");
                }
            }

            ReadOnlySpan<byte> progress = scan[^3..];
            if (progress[0] != 0 || progress[1] != 63 || progress[2] != 0)
            {
                throw new InvalidDataException("The JPEG's scan has not all coefficients, though its coding is sequential.");
            }
        }

        /// <summary>Checks that the coded data can be those of a picture of this size.</summary>
        public readonly void CheckData(int bytes, int restarts)
        {
            int across = 8;
            int down = 8;
            int blocks = 1;
            if (componentCount > 1)
            {
                (int horizontal, int vertical) = SamplingOf(0);
                across *= horizontal;
                down *= vertical;
                blocks = 0;
                for (int i = 0; i < componentCount; i++)
                {
                    (int h, int v) = SamplingOf(i);
                    blocks += h * v;
                }
            }

            long units = (long)((Width + across - 1) / across) * ((Height + down - 1) / down);
            if (units * blocks * LeastBitsOfBlock > 8L * bytes)
            {
                throw new InvalidDataException($"The JPEG declares {Width}x{Height} pixels, and its data have {bytes} bytes: too few for them.");
            }

            long wanted = restartInterval == 0 ? 0 : (units - 1) / restartInterval;
            if (restarts != wanted)
            {
                throw new InvalidDataException($"The JPEG has {restarts} restart markers; {wanted} are wanted: part of its data is missing.");
            }
        }

        // Cameras that leave the tables out mean the standard's two of each kind.
        private readonly bool Has(int tables, int index) => HasHuffman ? (tables & (1 << index)) != 0 : index <= 1;

        private readonly (int Horizontal, int Vertical) SamplingOf(int component)
        {
            int both = (byte)(samplings >> (8 * component));
            return (both >> 4, both & 15);
        }

        private void AddFrame(ReadOnlySpan<byte> payload)
        {
            if (isFramed)
            {
                throw new InvalidDataException("The JPEG has two frame headers.");
            }

            if (payload.Length < 6 || payload.Length != 6 + (3 * payload[5]))
            {
                throw new InvalidDataException($"The JPEG's frame header is {payload.Length} bytes long, which is not what its components take.");
            }

            (int precision, Height, Width, componentCount) =
                (payload[0], BinaryPrimitives.ReadUInt16BigEndian(payload[1..]), BinaryPrimitives.ReadUInt16BigEndian(payload[3..]), payload[5]);
            if (precision != 8 || componentCount is not (1 or 3))
            {
                throw new NotSupportedException(
                    $"The JPEG has {componentCount} components of {precision} bits; one or three of 8 bits are wanted.");
            }

            if (Width == 0 || Height == 0)
            {
                throw new InvalidDataException($"The JPEG declares {Width}x{Height} pixels.");
            }

            for (int i = 0; i < componentCount; i++)
            {
                ReadOnlySpan<byte> component = payload.Slice(6 + (3 * i), 3);
                (int horizontal, int vertical) = (component[1] >> 4, component[1] & 15);
                if (horizontal is < 1 or > 4 || vertical is < 1 or > 4 || component[2] > 3)
                {
                    throw new InvalidDataException(
                        $"The JPEG's component {component[0]} is sampled {horizontal}x{vertical} with quantisation table {component[2]}.");
                }

                names |= (uint)component[0] << (8 * i);
                samplings |= (uint)component[1] << (8 * i);
                quantizations |= (uint)component[2] << (8 * i);
            }

            isFramed = true;
            if (componentCount == 3)
            {
                CheckSampling();
            }
        }

        private readonly void CheckSampling()
        {
            (int firstHorizontal, int firstVertical) = SamplingOf(0);
            (int horizontal, int vertical) = SamplingOf(1);
            bool isKnown = SamplingOf(2) == (horizontal, vertical) && firstHorizontal % horizontal == 0 && firstVertical % vertical == 0
                && (firstHorizontal / horizontal, firstVertical / vertical) is (1, 1) or (2, 1) or (2, 2) or (1, 2) or (4, 1) or (4, 2);
            if (!isKnown || (firstHorizontal * firstVertical) + (2 * horizontal * vertical) > MaxBlocksOfUnit)
            {
                (int third, int thirdVertical) = SamplingOf(2);
                throw new NotSupportedException(
                    $"The JPEG's components are sampled {firstHorizontal}x{firstVertical}, {horizontal}x{vertical} and {third}x{thirdVertical}; "
                        + "wanted is 4:4:4, 4:2:2, 4:2:0, 4:4:0, 4:1:1 or 4:1:0.");
            }
        }

        // As libjpeg tells what colours three components are.
        private readonly void ThrowIfRgb()
        {
            bool isRgb = adobeTransform == 1 || (adobeTransform == 0 && !hasJfif && (names & 0xFF_FFFF) == ('R' | ('G' << 8) | ('B' << 16)));
            if (isRgb && componentCount == 3)
            {
                throw new NotSupportedException("The JPEG has red, green and blue; Y, Cb and Cr are wanted.");
            }
        }

        private void AddQuantization(ReadOnlySpan<byte> payload)
        {
            while (!payload.IsEmpty)
            {
                int bytes = 1 + (64 << (payload[0] >> 4 & 1));
                if (payload[0] >> 4 > 1 || (payload[0] & 15) > 3 || payload.Length < bytes)
                {
                    throw new InvalidDataException("A quantisation table of the JPEG is damaged.");
                }

                quantizationTables |= 1 << (payload[0] & 15);
                payload = payload[bytes..];
            }
        }

        private void AddHuffman(ReadOnlySpan<byte> payload)
        {
            while (!payload.IsEmpty)
            {
                int kind = payload[0] >> 4;
                int index = payload[0] & 15;
                if (kind > 1 || index > 3 || payload.Length < 17)
                {
                    throw DamagedHuffman();
                }

                // Codes of a length are the numbers that follow the shorter ones. The last number, all ones, is none.
                int symbols = 0;
                int code = 0;
                for (int length = 1; length <= 16; length++)
                {
                    int count = payload[length];
                    symbols += count;
                    code += count;
                    if (count > 0 && code >= 1 << length)
                    {
                        throw DamagedHuffman();
                    }

                    code <<= 1;
                }

                if (symbols > 256 || payload.Length < 17 + symbols)
                {
                    throw DamagedHuffman();
                }

                foreach (byte symbol in payload.Slice(17, symbols))
                {
                    if (kind == 0 ? symbol > MaxDifferenceCategory : (symbol & 15) > MaxCoefficientCategory)
                    {
                        throw DamagedHuffman();
                    }
                }

                differenceTables |= kind == 0 ? 1 << index : 0;
                coefficientTables |= kind == 1 ? 1 << index : 0;
                payload = payload[(17 + symbols)..];
            }
        }

        private static InvalidDataException DamagedHuffman() => new("A Huffman table of the JPEG is damaged.");
    }
}
