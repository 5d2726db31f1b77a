namespace YoloZeroCopy;

/// <summary>The names of codecs in NUT: four letters, of which ffmpeg keeps those of the file that it reads.</summary>
internal static class NutCodec
{
    public static VideoCodec Parse(ReadOnlySpan<byte> name)
    {
        Span<byte> upper = stackalloc byte[4];
        if (name.Length != upper.Length)
        {
            return VideoCodec.Other;
        }

        for (int i = 0; i < upper.Length; i++)
        {
            upper[i] = name[i] is >= (byte)'a' and <= (byte)'z' ? (byte)(name[i] - 32) : name[i];
        }

        return upper switch
        {
            _ when upper.SequenceEqual("H264"u8) || upper.SequenceEqual("AVC1"u8) || upper.SequenceEqual("AVC3"u8) => VideoCodec.H264,
            _ when upper.SequenceEqual("X264"u8) || upper.SequenceEqual("DAVC"u8) => VideoCodec.H264,
            _ when upper.SequenceEqual("HEVC"u8) || upper.SequenceEqual("H265"u8) => VideoCodec.Hevc,
            _ when upper.SequenceEqual("HVC1"u8) || upper.SequenceEqual("HEV1"u8) => VideoCodec.Hevc,
            _ when upper.SequenceEqual("MJPG"u8) || upper.SequenceEqual("JPEG"u8) || upper.SequenceEqual("MJPA"u8) => VideoCodec.Mjpeg,
            _ when upper.SequenceEqual("AV01"u8) => VideoCodec.Av1,
            _ => VideoCodec.Other,
        };
    }
}
