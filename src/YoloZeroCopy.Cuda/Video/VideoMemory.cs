namespace YoloZeroCopy.Cuda;

/// <summary>What a video decoder takes of the device's memory, by formula: NVIDIA's library does not tell.</summary>
internal static class VideoMemory
{
    // Fitted to what further decoders took on a Hopper GPU, with four mapped surfaces each: H.264 at 640x368, 1280x720 and 1920x1088 to 0.3 %, HEVC
    // at 1920x1088 and, in 10 bits, at 1280x720 to 3.2 %. How mapped surfaces share in the rest was not measured; a picture in 4:2:0 is taken.
    private const long DecoderBytes = 2L << 20;
    private const double DecodedBytesPerPixel = 1.66;
    private const double MappedBytesPerPixel = 1.5;
    private const double OtherBytesPerPixel = 14.85;

    /// <summary>What a decoder takes with so many surfaces.</summary>
    public static long BytesOf(int codedWidth, int codedHeight, int bitDepth, int decodeSurfaces, int mappedSurfaces)
    {
        long sampleBytes = bitDepth == 8 ? 1 : 2;
        long pixels = AlignUp(codedWidth, 16) * AlignUp(codedHeight, 16);
        double bytesPerPixel = (decodeSurfaces * DecodedBytesPerPixel) + (mappedSurfaces * MappedBytesPerPixel) + OtherBytesPerPixel;
        return DecoderBytes + (long)(sampleBytes * pixels * bytesPerPixel);
    }

    /// <summary>
    /// Pictures that a stream of this size may refer to, and the one that is decoded: the codecs' own limits. H.264 (ITU-T H.264, table A-1) and HEVC
    /// (ITU-T H.265, A.4.2) by the lowest level whose pictures are as large, AV1 (specification, 7.20) eight.
    /// </summary>
    public static int LeastSurfacesOf(CudaVideoCodec codec, int codedWidth, int codedHeight)
    {
        long pixels = (long)codedWidth * codedHeight;
        return 1 + codec switch
        {
            CudaVideoCodec.H264 => OfH264((int)(AlignUp(codedWidth, 16) * AlignUp(codedHeight, 16) / 256)),
            // One more: the parser asks for it.
            CudaVideoCodec.Hevc => 1 + OfHevc(pixels),
            _ => 8,
        };
    }

    // Largest frame and largest buffer of the levels, in macroblocks.
    private static int OfH264(int macroblocks)
    {
        ReadOnlySpan<(int Frame, int Buffer)> levels =
        [
            (99, 396), (396, 2376), (792, 4752), (1620, 8100), (3600, 18000), (5120, 20480), (8192, 32768), (8704, 34816), (22080, 110400),
            (36864, 184320), (139264, 696320),
        ];
        foreach ((int frame, int buffer) in levels)
        {
            if (macroblocks <= frame)
            {
                return Math.Min(buffer / macroblocks, 16);
            }
        }

        return 16;
    }

    // Largest pictures of the levels, in luma samples. Smaller ones may be more.
    private static int OfHevc(long pixels)
    {
        ReadOnlySpan<long> levels = [36864, 122880, 245760, 552960, 983040, 2228224, 8912896, 35651584, 142606336];
        foreach (long level in levels)
        {
            if (pixels <= level)
            {
                return pixels <= level / 4 ? 16 : pixels <= level / 2 ? 12 : pixels <= level * 3 / 4 ? 8 : 6;
            }
        }

        return 6;
    }

    private static long AlignUp(long value, int unit) => (value + unit - 1) / unit * unit;
}
