using System.Buffers;
using System.Buffers.Binary;
using System.IO.Compression;

namespace YoloZeroCopy;

/// <summary>Reads a PNG file (W3C PNG specification, third edition). Throws <see cref="InvalidDataException"/> for anything wrong.</summary>
internal ref struct PngDecoder
{
    private const int ChunkOverhead = 12;
    private const int HeaderBytes = 13;

    // Deflate cannot make more than this of a byte.
    private const int MaxInflation = 1032;

    private readonly ReadOnlySpan<byte> data;
    private PngHeader header;
    private ReadOnlySpan<byte> palette;
    private int firstData;

    public PngDecoder(ReadOnlySpan<byte> data)
    {
        this.data = data;
        Orientation = ExifOrientation.Upright;
    }

    public static ReadOnlySpan<byte> Signature => [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A];

    /// <summary>Orientation of the eXIf chunk, known after <see cref="ReadHeader"/>.</summary>
    public int Orientation { get; private set; }

    /// <summary>Reads up to the first chunk of picture data.</summary>
    public PictureInfo ReadHeader()
    {
        int position = Signature.Length;
        bool first = true;
        while (true)
        {
            ReadOnlySpan<byte> chunk = ReadChunk(ref position, out uint type);
            if (first != (type == PngChunks.Header))
            {
                throw new InvalidDataException("damaged PNG: the header chunk must come first, and once.");
            }

            first = false;
            switch (type)
            {
                case PngChunks.Header when chunk.Length == HeaderBytes:
                    header = new PngHeader(chunk);
                    break;
                case PngChunks.Header:
                    throw new InvalidDataException($"damaged PNG: a header chunk has {HeaderBytes} bytes, {chunk.Length} were found.");
                case PngChunks.Palette when chunk.Length is > 0 and <= 768 && chunk.Length % 3 == 0:
                    palette = chunk;
                    break;
                case PngChunks.Palette:
                    throw new InvalidDataException($"damaged PNG: a palette of {chunk.Length} bytes.");
                case PngChunks.Exif:
                    Orientation = ExifOrientation.Read(chunk);
                    break;
                case PngChunks.Data:
                    firstData = position - chunk.Length - ChunkOverhead;
                    if (header.ColorType == PngColorType.Palette && palette.IsEmpty)
                    {
                        throw new InvalidDataException("damaged PNG: the palette is missing.");
                    }

                    return ExifOrientation.SwapsAxes(Orientation)
                        ? new PictureInfo(PictureKind.Png, header.Height, header.Width)
                        : new PictureInfo(PictureKind.Png, header.Width, header.Height);
                default:
                    ThrowIfUnknownAndNeeded(type);
                    break;
            }
        }
    }

    /// <summary>Decodes the picture; <see cref="ReadHeader"/> must have been called, and <paramref name="rows"/> fit what it returned.</summary>
    public void Decode(scoped PictureRows rows)
    {
        byte[] compressed = ArrayPool<byte>.Shared.Rent(data.Length - firstData);
        int rowBytes = header.RowBytes(header.Width);
        byte[] scratch = ArrayPool<byte>.Shared.Rent((2 * (rowBytes + 1)) + (3 * header.Width));
        try
        {
            int length = CollectData(compressed);
            long wanted = header.TotalBytes() / MaxInflation;
            if (length < wanted)
            {
                throw new InvalidDataException($"truncated PNG: {header.Width}x{header.Height} pixels need at least {wanted} bytes of data, {length} are there.");
            }

            using MemoryStream source = new(compressed, 0, length, writable: false);
            using ZLibStream inflater = new(source, CompressionMode.Decompress);
            Span<byte> pixels = scratch.AsSpan(2 * (rowBytes + 1), 3 * header.Width);
            foreach (PngPass pass in header.Passes())
            {
                DecodePass(inflater, pass, scratch.AsSpan(0, 2 * (rowBytes + 1)), pixels, rows);
            }

            // Reading on to the end makes the stream check its sum.
            _ = inflater.Read(pixels);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(compressed);
            ArrayPool<byte>.Shared.Return(scratch);
        }
    }

    private readonly void DecodePass(ZLibStream inflater, PngPass pass, Span<byte> scratch, Span<byte> pixels, scoped PictureRows rows)
    {
        int width = pass.ColumnsOf(header.Width);
        int height = pass.RowsOf(header.Height);
        if (width == 0 || height == 0)
        {
            return;
        }

        int rowBytes = header.RowBytes(width);
        Span<byte> current = scratch[..(rowBytes + 1)];
        Span<byte> previous = scratch.Slice(rowBytes + 1, rowBytes + 1);
        previous.Clear();
        pixels = pixels[..(width * rows.PixelBytes)];
        for (int y = 0; y < height; y++)
        {
            int read = inflater.ReadAtLeast(current, current.Length, throwOnEndOfStream: false);
            if (read < current.Length)
            {
                throw new InvalidDataException($"truncated PNG: the data ends in row {pass.FirstRow + (y * pass.RowStep)} of {header.Height}.");
            }

            PngFilter.Undo(current[0], current[1..], previous[1..], header.FilterStep);
            PngPixels.Convert(header, palette, current[1..], pixels, rows.PixelFormat);
            int row = pass.FirstRow + (y * pass.RowStep);
            if (pass.ColumnStep == 1)
            {
                rows.Write(row, pixels);
            }
            else
            {
                rows.WriteSpread(row, pass.FirstColumn, pass.ColumnStep, pixels);
            }

            Span<byte> swap = previous;
            previous = current;
            current = swap;
        }
    }

    // Puts the data chunks, which follow each other, together and goes on to the end chunk.
    private readonly int CollectData(Span<byte> target)
    {
        int length = 0;
        int position = firstData;
        bool ended = false;
        while (true)
        {
            ReadOnlySpan<byte> chunk = ReadChunk(ref position, out uint type);
            if (type == PngChunks.Data)
            {
                if (ended)
                {
                    throw new InvalidDataException("damaged PNG: other chunks lie between its data chunks.");
                }

                chunk.CopyTo(target[length..]);
                length += chunk.Length;
                continue;
            }

            ended = true;
            if (type == PngChunks.End)
            {
                return length;
            }

            ThrowIfUnknownAndNeeded(type);
        }
    }

    private readonly ReadOnlySpan<byte> ReadChunk(scoped ref int position, out uint type)
    {
        int left = data.Length - position;
        uint length = left >= ChunkOverhead ? BinaryPrimitives.ReadUInt32BigEndian(data[position..]) : 0;
        if (left < ChunkOverhead || length > (uint)(left - ChunkOverhead))
        {
            throw new InvalidDataException($"truncated PNG: a chunk at byte {position} claims {length} bytes, {Math.Max(0, left - ChunkOverhead)} are left.");
        }

        type = BinaryPrimitives.ReadUInt32BigEndian(data[(position + 4)..]);
        ReadOnlySpan<byte> content = data.Slice(position + 8, (int)length);
        uint found = Crc32.Compute(data.Slice(position + 4, (int)length + 4));
        uint wanted = BinaryPrimitives.ReadUInt32BigEndian(data[(position + 8 + (int)length)..]);
        if (found != wanted)
        {
            throw new InvalidDataException($"damaged PNG: the chunk at byte {position} has the check sum {found:X8}, its own is {wanted:X8}.");
        }

        position += ChunkOverhead + (int)length;
        return content;
    }

    // A chunk whose name begins with a capital letter must be understood.
    private static void ThrowIfUnknownAndNeeded(uint type)
    {
        if ((type & 0x20000000) == 0 && type is not PngChunks.Palette)
        {
            throw new InvalidDataException($"damaged PNG: chunk {type:X8} is unknown or out of place.");
        }
    }
}
