using System.Diagnostics;
using YoloZeroCopy.Cuda;
using YoloZeroCopy.Cuda.Tests;

namespace YoloZeroCopy.Gpu.Tests;

/// <summary>Thousands of damaged JPEGs in a process of its own: none may end it or break the device, and good pictures in between stay
/// good.</summary>
internal static class DamagedJpegs
{
    private const int Count = 5_000;
    private const int Between = 50;

    public static void Run(CudaJpegBackend backend)
    {
        using CudaContext context = CudaDevice.Get(0).OpenContext();
        using CudaJpegDecoder decoder = new(context, new CudaJpegDecoderOptions { Backend = backend });
        byte[][] good = [.. JpegPictures.Sequential.Select(JpegPictures.Get), .. TestData.ReadJpegs().Take(2).Select(static jpeg => jpeg.File)];
        byte[][] wanted = [.. good.Select(jpeg => DecodedJpeg.Of(context, decoder, jpeg).Pixels)];
        Dictionary<string, int> outcomes = [];
        Random random = new(20261127);
        Stopwatch watch = Stopwatch.StartNew();
        for (int i = 0; i < Count; i++)
        {
            byte[] jpeg = Damaged(good[i % good.Length], random);
            string outcome = "decoded";
            try
            {
                _ = DecodedJpeg.Of(context, decoder, jpeg);
            }
            catch (Exception error) when (error is InvalidDataException or NotSupportedException or CudaJpegException)
            {
                bool isOurs = error.StackTrace!.Contains(nameof(JpegBitstream), StringComparison.Ordinal);
                outcome = isOurs ? "refused before nvJPEG" : error.Message[..Math.Min(error.Message.Length, 60)];
            }

            outcomes[outcome] = outcomes.GetValueOrDefault(outcome) + 1;
            if (i % Between == 0)
            {
                int index = i / Between % good.Length;
                Assert.Equal(wanted[index], DecodedJpeg.Of(context, decoder, good[index]).Pixels);
            }
        }

        Assert.False(context.IsFaulted);
        Console.WriteLine($"{Count} damaged JPEGs by {backend} in {watch.Elapsed.TotalSeconds:F1} s:");
        foreach ((string outcome, int times) in outcomes.OrderByDescending(static pair => pair.Value))
        {
            Console.WriteLine($"  {times} {outcome}");
        }
    }

    /// <summary>Half of them damaged in the coded data only, which our own checks let through.</summary>
    private static byte[] Damaged(byte[] good, Random random)
    {
        byte[] jpeg = [.. good];
        (_, int offset, int length) = JpegPictures.Segments(jpeg)[^1];
        bool isInData = random.Next(2) == 0;
        for (int change = random.Next(1, 6); change > 0; change--)
        {
            int at = isInData ? random.Next(offset + length, jpeg.Length - 2) : random.Next(jpeg.Length);
            jpeg[at] = (byte)(random.Next(2) == 0 ? random.Next(256) : jpeg[at] ^ (1 << random.Next(8)));
        }

        return jpeg;
    }
}
