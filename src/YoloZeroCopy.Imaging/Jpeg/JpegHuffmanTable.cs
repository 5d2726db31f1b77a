using System.Runtime.CompilerServices;

namespace YoloZeroCopy;

/// <summary>Decodes the codes of one Huffman table (T.81 annex C and F.2.2.3): short codes by one look-up, longer ones by their length's largest code.</summary>
internal sealed class JpegHuffmanTable
{
    private const int LookupBits = 9;

    // (length << 8) | symbol for every 9-bit beginning; 0 where the code is longer.
    private readonly ushort[] lookup = new ushort[1 << LookupBits];
    private readonly byte[] symbols;

    // By length: first code left-aligned in 16 bits past the last one of that length, and what to add to a code to get its index in `symbols`.
    private readonly int[] limit = new int[18];
    private readonly int[] offset = new int[17];

    /// <param name="counts">Codes of each length, 1 to 16.</param>
    /// <param name="symbols">Symbols in the order of their codes.</param>
    public JpegHuffmanTable(ReadOnlySpan<byte> counts, ReadOnlySpan<byte> symbols)
    {
        this.symbols = symbols.ToArray();
        int code = 0;
        int index = 0;
        for (int length = 1; length <= 16; length++)
        {
            int codes = counts[length - 1];
            offset[length] = index - code;
            if (code + codes > 1 << length)
            {
                throw new InvalidDataException($"a Huffman table has more codes of {length} bits than there can be.");
            }

            for (int i = 0; i < codes; i++, code++, index++)
            {
                if (length <= LookupBits)
                {
                    lookup.AsSpan(code << (LookupBits - length), 1 << (LookupBits - length)).Fill((ushort)((length << 8) | symbols[index]));
                }
            }

            limit[length] = code << (16 - length);
            code <<= 1;
        }

        limit[17] = int.MaxValue;
    }

    /// <summary>Takes one symbol; the reader must hold 16 bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Decode(ref JpegBitReader reader)
    {
        int entry = lookup[reader.Peek(LookupBits)];
        if (entry != 0)
        {
            reader.Skip(entry >> 8);
            return entry & 0xFF;
        }

        return DecodeLong(ref reader);
    }

    private int DecodeLong(ref JpegBitReader reader)
    {
        int next = reader.Peek(16);
        int length = LookupBits + 1;
        while (next >= limit[length])
        {
            length++;
        }

        if (length > 16)
        {
            throw new InvalidDataException("damaged JPEG data: a bit pattern is no code of its Huffman table.");
        }

        int index = (next >> (16 - length)) + offset[length];
        if ((uint)index >= (uint)symbols.Length)
        {
            throw new InvalidDataException("damaged JPEG data: a bit pattern is no code of its Huffman table.");
        }

        reader.Skip(length);
        return symbols[index];
    }
}
