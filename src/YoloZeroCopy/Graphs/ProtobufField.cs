using Google.Protobuf;

namespace YoloZeroCopy;

/// <summary>One field of a protobuf message: where in the file it begins, where its content does, and where both end.</summary>
/// <remarks>For what the protobuf library cannot do: to leave large fields where they lie.</remarks>
internal readonly record struct ProtobufField(int Number, bool IsMessage, int Start, int ContentStart, int End)
{
    private const int MaxNumber = (1 << 29) - 1;

    public int Length => End - Start;

    /// <summary>The whole field, which is a message of one field.</summary>
    public ReadOnlySpan<byte> Of(ReadOnlySpan<byte> file) => file[Start..End];

    /// <summary>What a field that <see cref="IsMessage"/>, a text or bytes holds.</summary>
    public ReadOnlySpan<byte> ContentOf(ReadOnlySpan<byte> file) => file[ContentStart..End];

    /// <summary>The fields of the message between two places of a file; null where it is none.</summary>
    public static List<ProtobufField>? TryRead(ReadOnlySpan<byte> file, int start, int end)
    {
        List<ProtobufField> fields = [];
        ReadOnlySpan<byte> message = file[..end];
        for (int at = start; at < end;)
        {
            int first = at;
            if (!TryReadVarint(message, ref at, out ulong tag) || tag >> 3 is 0 or > MaxNumber)
            {
                return null;
            }

            WireFormat.WireType type = WireFormat.GetTagWireType((uint)tag);
            int content = at;
            ulong length = 0;
            switch (type)
            {
                case WireFormat.WireType.Varint when TryReadVarint(message, ref at, out _):
                    break;
                case WireFormat.WireType.Fixed64:
                    length = sizeof(ulong);
                    break;
                case WireFormat.WireType.Fixed32:
                    length = sizeof(uint);
                    break;
                case WireFormat.WireType.LengthDelimited when TryReadVarint(message, ref at, out length):
                    content = at;
                    break;
                default:
                    return null;
            }

            if (length > (ulong)(end - at))
            {
                return null;
            }

            at += (int)length;
            fields.Add(new ProtobufField((int)(tag >> 3), type == WireFormat.WireType.LengthDelimited, first, content, at));
        }

        return fields;
    }

    /// <summary>Writes what stands before a message as a field's content, and gives the bytes it takes, up to ten.</summary>
    public static int WriteHead(Span<byte> target, int number, int length)
    {
        int at = 0;
        WriteVarint(target, WireFormat.MakeTag(number, WireFormat.WireType.LengthDelimited), ref at);
        WriteVarint(target, (uint)length, ref at);
        return at;
    }

    /// <summary>Bytes that <see cref="WriteHead"/> writes.</summary>
    public static int HeadLength(int number, int length) =>
        CodedOutputStream.ComputeTagSize(number) + CodedOutputStream.ComputeLengthSize(length);

    private static void WriteVarint(Span<byte> target, uint value, ref int at)
    {
        for (; value >= 0x80; value >>= 7)
        {
            target[at++] = (byte)(value | 0x80);
        }

        target[at++] = (byte)value;
    }

    private static bool TryReadVarint(ReadOnlySpan<byte> message, ref int at, out ulong value)
    {
        const int MaxBits = 64;
        value = 0;
        for (int shift = 0; shift < MaxBits && at < message.Length; shift += 7)
        {
            byte next = message[at++];
            value |= (ulong)(next & 0x7F) << shift;
            if (next < 0x80)
            {
                return true;
            }
        }

        return false;
    }
}
