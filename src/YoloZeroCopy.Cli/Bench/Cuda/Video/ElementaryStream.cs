namespace YoloZeroCopy.Cli;

/// <summary>A stream as a file without a container, H.264 or HEVC with start codes (Annex B) or one JPEG behind the other: its pictures as packets,
/// all in memory.</summary>
internal sealed class ElementaryStream
{
    public ElementaryStream(string name, VideoCodec codec, ReadOnlyMemory<byte>[] packets)
    {
        Name = name;
        Codec = codec;
        Packets = packets;
    }

    /// <summary>For the report.</summary>
    public string Name { get; }

    public VideoCodec Codec { get; }

    /// <summary>In the order of decoding. The first begins with the headers.</summary>
    public ReadOnlyMemory<byte>[] Packets { get; }

    /// <summary>Reads a file; its name says the codec.</summary>
    /// <exception cref="CliException">It cannot be read, or is no such stream.</exception>
    public static ElementaryStream Read(string path)
    {
        VideoCodec? codec = Path.GetExtension(path).ToLowerInvariant() switch
        {
            ".h264" or ".264" => VideoCodec.H264,
            ".hevc" or ".h265" or ".265" => VideoCodec.Hevc,
            ".mjpeg" or ".mjpg" => VideoCodec.Mjpeg,
            _ => null,
        };
        byte[] bytes = codec is null ? [] : ReadFile(path);
        List<ReadOnlyMemory<byte>> packets = codec is VideoCodec known ? Split(known, bytes) : [];
        return packets.Count > 0
            ? new ElementaryStream(Path.GetFileName(path), codec!.Value, [.. packets])
            : throw new CliException(
                ExitCode.InputFailed,
                $"'{path}' is no stream of pictures; wanted is a file .h264 or .hevc with start codes, or .mjpeg.",
                "ffmpeg -i VIDEO -map 0:V:0 -c copy -bsf:v h264_mp4toannexb VIDEO.h264 makes one, or hevc_mp4toannexb and VIDEO.hevc; of MJPEG "
                + "-c copy VIDEO.mjpeg.");
    }

    /// <summary>Cuts a stream where the next picture, or what belongs to it, begins.</summary>
    internal static List<ReadOnlyMemory<byte>> Split(VideoCodec codec, byte[] bytes) =>
        codec == VideoCodec.Mjpeg ? SplitJpegs(bytes) : SplitUnits(codec, bytes);

    // FFD9 and FFD8 do not follow each other within a picture: coded data have neither.
    private static List<ReadOnlyMemory<byte>> SplitJpegs(byte[] bytes)
    {
        List<ReadOnlyMemory<byte>> packets = [];
        ReadOnlySpan<byte> border = [0xFF, 0xD9, 0xFF, 0xD8];
        int start = 0;
        int next;
        while ((next = bytes.AsSpan(start).IndexOf(border)) >= 0)
        {
            packets.Add(bytes.AsMemory(start, next + 2));
            start += next + 2;
        }

        if (bytes.AsSpan(start).StartsWith(border[2..]))
        {
            packets.Add(bytes.AsMemory(start));
        }

        return packets;
    }

    private static List<ReadOnlyMemory<byte>> SplitUnits(VideoCodec codec, byte[] bytes)
    {
        List<ReadOnlyMemory<byte>> packets = [];
        int start = 0;
        bool hasPicture = false;
        for (int at = 0; at + 5 < bytes.Length; at++)
        {
            if (bytes[at] != 0 || bytes[at + 1] != 0 || bytes[at + 2] != 1)
            {
                continue;
            }

            (bool isSlice, bool begins) = Kind(codec, bytes.AsSpan(at + 3));
            if (hasPicture && begins)
            {
                // A start code may have one zero more.
                int end = at > 0 && bytes[at - 1] == 0 ? at - 1 : at;
                packets.Add(bytes.AsMemory(start..end));
                start = end;
                hasPicture = false;
            }

            hasPicture |= isSlice;
            at += 2;
        }

        if (hasPicture)
        {
            packets.Add(bytes.AsMemory(start));
        }

        return packets;
    }

    /// <summary>What a unit is by its first bytes: a slice of a picture, and whether a new picture begins with it.</summary>
    private static (bool IsSlice, bool Begins) Kind(VideoCodec codec, ReadOnlySpan<byte> unit)
    {
        if (codec == VideoCodec.H264)
        {
            // ITU-T H.264, 7.4.1.2.3 and .4; a slice whose first macroblock is 0 has the bit 1 first.
            int type = unit[0] & 31;
            bool isSlice = type is 1 or 5;
            return (isSlice, isSlice ? (unit[1] & 0x80) != 0 : type is (>= 6 and <= 9) or (>= 14 and <= 18));
        }

        // ITU-T H.265, 7.4.2.4.4; the first bit behind the two of the header says whether a slice is a picture's first.
        int kind = (unit[0] >> 1) & 63;
        return (kind < 32, kind < 32 ? (unit[2] & 0x80) != 0 : kind is (>= 32 and <= 35) or 39 or (>= 41 and <= 44) or (>= 48 and <= 55));
    }

    private static byte[] ReadFile(string path)
    {
        try
        {
            return File.ReadAllBytes(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new CliException(ExitCode.InputFailed, $"'{path}' cannot be read: {error.Message}", innerException: error);
        }
    }
}
