namespace YoloZeroCopy.Cli;

/// <summary>What an ffmpeg program that decodes one stream takes of the host's memory.</summary>
internal static class DecoderProgram
{
    // Resident in ffmpeg 5.1 with two decoding threads, H.264 to NV12: 82, 110 and 303 MiB at 1280x720, 1920x1080 and 3840x2160. More threads hold
    // more pictures.
    private const long ProgramBytes = 55L << 20;
    private const int Pictures = 21;

    public static long BytesOf(int width, int height) => ProgramBytes + (Pictures * (long)width * height * 3 / 2);
}
