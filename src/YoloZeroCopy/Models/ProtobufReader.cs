namespace YoloZeroCopy;

/// <summary>Walks over the fields of one protobuf message.</summary>
internal ref struct ProtobufReader(ReadOnlySpan<byte> message)
{
    private ReadOnlySpan<byte> rest = message;

    /// <summary>Value of the last field when it was a varint, else 0.</summary>
    public long Number { get; private set; }

    /// <summary>Whether the message ended within a field, or held one that does not exist.</summary>
    public bool IsDamaged { get; private set; }

    /// <summary>Takes the next field; <paramref name="value"/> is empty where it is a number. False at the end, and where the message is
    /// damaged.</summary>
    public bool Next(out int field, out ReadOnlySpan<byte> value)
    {
        field = 0;
        value = default;
        Number = 0;
        if (rest.IsEmpty || IsDamaged)
        {
            return false;
        }

        ulong key = Varint();
        field = (int)(key >> 3);
        switch (key & 7)
        {
            case 0:
                Number = (long)Varint();
                break;
            case 1:
                Take(8);
                break;
            case 2:
                value = Take(Varint());
                break;
            case 5:
                Take(4);
                break;
            default:
                IsDamaged = true;
                break;
        }

        IsDamaged |= field == 0;
        return !IsDamaged;
    }

    private ReadOnlySpan<byte> Take(ulong bytes)
    {
        if (bytes > (ulong)rest.Length)
        {
            IsDamaged = true;
            return default;
        }

        ReadOnlySpan<byte> taken = rest[..(int)bytes];
        rest = rest[(int)bytes..];
        return taken;
    }

    private ulong Varint()
    {
        const int MaxBytes = 10;
        ulong value = 0;
        for (int index = 0; index < MaxBytes && index < rest.Length; index++)
        {
            value |= (ulong)(rest[index] & 0x7F) << (7 * index);
            if (rest[index] < 0x80)
            {
                rest = rest[(index + 1)..];
                return value;
            }
        }

        IsDamaged = true;
        return 0;
    }
}
