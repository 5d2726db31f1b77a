namespace YoloZeroCopy.Cuda;

/// <summary>
/// What sequence parameter sets say and NVDEC's parser does not: which part of the coded picture is to be shown (the cropping rectangle of H.264,
/// the conformance window of HEVC), and how far pictures of HEVC are shown out of the order of decoding.
/// </summary>
/// <remarks>
/// NVDEC's parser leaves the left and the top offset out of what it reports (driver 580), so that the part has the wrong size and place; and without
/// a display delay it shows HEVC in the order of decoding, H.264 in the right one. NVDEC's own stays wherever the sets do not say it. The numbers in
/// the code are those of ITU-T H.264, 7.3.2.1 and 7.3.3, and H.265, 7.3.2.2, 7.3.3 and 7.3.6. Not for several threads.
/// </remarks>
/// <param name="codec">The codec; of others than these two nothing is read.</param>
internal sealed class VideoHeaders(CudaVideoCodec codec)
{
    // Of 16 pictures that a decoder of HEVC may keep, one is being decoded.
    private const int MostReordered = 15;

    // By number; in front of a picture there may be several, and its slices say by way of a picture parameter set which of them holds.
    private readonly Rectangle[] sequences = new Rectangle[32];
    private readonly int[] reordered = new int[32];

    // By number of a picture parameter set: 1 + the number of its sequence parameter set, or 0.
    private readonly byte[] sequenceOf = new byte[256];
    private int active;

    /// <summary>Reads the parameter sets of a packet, and of its first slice which of them it uses. Never throws, and allocates nothing.</summary>
    /// <param name="packet">NAL units with start codes; anything else is ignored.</param>
    public void Read(ReadOnlySpan<byte> packet)
    {
        if (codec is not (CudaVideoCodec.H264 or CudaVideoCodec.Hevc))
        {
            return;
        }

        bool isSlice = false;
        while (!isSlice && packet.IndexOf("\0\0\u0001"u8) is int start and >= 0)
        {
            packet = packet[(start + 3)..];
            isSlice = codec == CudaVideoCodec.H264 ? ReadH264(packet) : ReadHevc(packet);
        }
    }

    /// <summary>Pictures that a picture of HEVC, as it holds now, may have to wait for before it is shown; 0 of H.264, and where nothing says
    /// it.</summary>
    public int ReorderedPictures => reordered[active];

    /// <summary>Puts the rectangle that holds now into what NVDEC says, if it is one for this size.</summary>
    public CudaVideoFormat Apply(in CudaVideoFormat format)
    {
        Rectangle known = sequences[active];
        return known.IsFor(format.CodedWidth, format.CodedHeight)
            ? format with { Left = known.Left, Top = known.Top, Width = known.Width, Height = known.Height }
            : format;
    }

    // Both take what begins with a NAL unit, and answer true when that is a slice.
    private bool ReadH264(ReadOnlySpan<byte> units)
    {
        int type = units.IsEmpty ? 0 : units[0] & 0x1F;
        switch (type)
        {
            case 7:
                ReadH264Sequence(UnitOf(units));
                break;
            case 8:
                ReadPictureSet(UnitOf(units));
                break;
            case 1 or 2 or 5:
                BitReader slice = new(units[1..]);
                _ = slice.Unsigned();
                _ = slice.Unsigned();
                Activate(ref slice);
                break;
        }

        return type is >= 1 and <= 5;
    }

    private bool ReadHevc(ReadOnlySpan<byte> units)
    {
        // Other layers than the first are not decoded.
        if (units.Length < 2 || (((units[0] & 1) << 5) | (units[1] >> 3)) != 0)
        {
            return false;
        }

        int type = (units[0] >> 1) & 0x3F;
        switch (type)
        {
            case 33:
                ReadHevcSequence(UnitOf(units));
                break;
            case 34:
                ReadPictureSet(UnitOf(units));
                break;
            case < 32:
                BitReader slice = new(units[2..]);
                slice.Skip(type is >= 16 and <= 23 ? 2 : 1);
                Activate(ref slice);
                break;
        }

        return type < 32;
    }

    /// <summary>The content of the first unit.</summary>
    private BitReader UnitOf(ReadOnlySpan<byte> units)
    {
        int end = units.IndexOf("\0\0\u0001"u8);
        ReadOnlySpan<byte> unit = end < 0 ? units : units[..end];

        // The next start code may follow within the unit's own header.
        return new BitReader(unit[Math.Min(codec == CudaVideoCodec.H264 ? 1 : 2, unit.Length)..]);
    }

    private void ReadH264Sequence(BitReader reader)
    {
        int profile = reader.Bits(8);
        reader.Skip(16);
        int number = reader.Unsigned();
        int chroma = 1;
        if (profile is 44 or 83 or 86 or 100 or 110 or 118 or 122 or 128 or 134 or 135 or 138 or 139 or 244)
        {
            chroma = ReadChroma(ref reader);
            _ = reader.Unsigned();
            _ = reader.Unsigned();
            _ = reader.Flag();
            if (reader.Flag())
            {
                SkipScalingLists(ref reader, chroma == 3 ? 12 : 8);
            }
        }

        _ = reader.Unsigned();
        SkipPictureOrder(ref reader);
        _ = reader.Unsigned();
        _ = reader.Flag();
        long width = 16 * (reader.Unsigned() + 1L);
        long height = 16 * (reader.Unsigned() + 1L);
        int fields = 1;
        if (!reader.Flag())
        {
            fields = 2;
            _ = reader.Flag();
        }

        _ = reader.Flag();
        Remember(ref reader, number, new Rectangle(width, height * fields, chroma, fields, ref reader), reorderedPictures: 0);
    }

    private void ReadHevcSequence(BitReader reader)
    {
        reader.Skip(4);
        int layers = reader.Bits(3);
        reader.Skip(1 + 96);
        SkipSubLayers(ref reader, layers);
        int number = reader.Unsigned();
        int chroma = ReadChroma(ref reader);
        long width = reader.Unsigned();
        long height = reader.Unsigned();
        Rectangle rectangle = new(width, height, chroma, 1, ref reader);
        Remember(ref reader, number, rectangle, ReadReordered(reader, layers));
    }

    // Of the highest layer, which says the most. On a copy of the reader: headers that end here have their rectangle all the same.
    private static int ReadReordered(BitReader reader, int layers)
    {
        _ = reader.Unsigned();
        _ = reader.Unsigned();
        _ = reader.Unsigned();
        int most = 0;
        for (int i = reader.Flag() ? 0 : layers; i <= layers; i++)
        {
            _ = reader.Unsigned();
            most = reader.Unsigned();
            _ = reader.Unsigned();
        }

        return reader.HasFailed || most > MostReordered ? 0 : most;
    }

    private void ReadPictureSet(BitReader reader)
    {
        int number = reader.Unsigned();
        int sequence = reader.Unsigned();
        if (!reader.HasFailed && number < sequenceOf.Length && sequence < sequences.Length)
        {
            sequenceOf[number] = (byte)(sequence + 1);
        }
    }

    private void Activate(ref BitReader reader)
    {
        int number = reader.Unsigned();
        if (!reader.HasFailed && number < sequenceOf.Length && sequenceOf[number] != 0)
        {
            active = sequenceOf[number] - 1;
        }
    }

    private void Remember(ref BitReader reader, int number, in Rectangle rectangle, int reorderedPictures)
    {
        if (reader.HasFailed || number >= sequences.Length)
        {
            // Which one it was meant to replace, nobody knows.
            Array.Clear(sequences);
            Array.Clear(reordered);
            return;
        }

        sequences[number] = rectangle;
        reordered[number] = reorderedPictures;
        active = number;
    }

    private static int ReadChroma(ref BitReader reader)
    {
        int chroma = reader.Unsigned();
        reader.Skip(chroma == 3 ? 1 : 0);
        return chroma;
    }

    private static void SkipScalingLists(ref BitReader reader, int count)
    {
        for (int list = 0; list < count; list++)
        {
            // Each element is told as the difference to the one before it; a 0 ends the list.
            int element = reader.Flag() ? 8 : 0;
            for (int i = list < 6 ? 16 : 64; i > 0 && element != 0; i--)
            {
                element = (byte)(element + reader.Signed());
            }
        }
    }

    private static void SkipPictureOrder(ref BitReader reader)
    {
        int type = reader.Unsigned();
        if (type == 0)
        {
            _ = reader.Unsigned();
        }
        else if (type == 1)
        {
            _ = reader.Flag();
            _ = reader.Signed();
            _ = reader.Signed();
            for (int i = reader.Unsigned(); i > 0 && !reader.HasFailed; i--)
            {
                _ = reader.Signed();
            }
        }
    }

    private static void SkipSubLayers(ref BitReader reader, int count)
    {
        int bits = 0;
        for (int i = 0; i < count; i++)
        {
            bits += (reader.Flag() ? 88 : 0) + (reader.Flag() ? 8 : 0);
        }

        reader.Skip(bits + (count > 0 ? 2 * (8 - count) : 0));
    }

    /// <summary>What one sequence parameter set says, in pixels; nothing where that is no part of a picture.</summary>
    private readonly struct Rectangle
    {
        // NVDEC may round the size up to whole blocks, of which the largest have 64 x 64.
        private const int LargestBlock = 64;
        private const int MaxSize = 1 << 16;
        private readonly int width;
        private readonly int height;

        /// <summary>Reads the flag of the rectangle, and its offsets where they follow.</summary>
        public Rectangle(long width, long height, int chroma, int fields, ref BitReader reader)
        {
            bool isCropped = reader.Flag();
            // The offsets count samples of the chroma planes, and rows of one field.
            long left = isCropped ? 2L * reader.Unsigned() : 0;
            long right = isCropped ? 2L * reader.Unsigned() : 0;
            long top = isCropped ? 2L * fields * reader.Unsigned() : 0;
            long bottom = isCropped ? 2L * fields * reader.Unsigned() : 0;
            // Of 4:2:0 only, since nothing else is decoded.
            if (!reader.HasFailed && chroma == 1 && width <= MaxSize && height <= MaxSize
                && left + right < width && top + bottom < height)
            {
                (this.width, this.height) = ((int)width, (int)height);
                (Left, Top) = ((int)left, (int)top);
                (Width, Height) = ((int)(width - left - right), (int)(height - top - bottom));
            }
        }

        public int Left { get; }

        public int Top { get; }

        public int Width { get; }

        public int Height { get; }

        public bool IsFor(int codedWidth, int codedHeight) =>
            width > 0 && codedWidth - width is >= 0 and < LargestBlock && codedHeight - height is >= 0 and < LargestBlock;
    }
}
