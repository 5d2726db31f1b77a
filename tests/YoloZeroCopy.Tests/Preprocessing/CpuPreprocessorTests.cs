using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace YoloZeroCopy.Tests;

public class CpuPreprocessorTests
{
    private static readonly SimdLevel[] Levels = Enum.GetValues<SimdLevel>();

    /// <summary>Frame width and height, extra bytes in a row, input width and height.</summary>
    private static readonly (int Width, int Height, int Extra, int InputWidth, int InputHeight)[] Sizes =
    [
        (1, 1, 0, 32, 32),
        (1, 1, 3, 1, 1),
        (2, 2, 0, 5, 7),
        (1, 19, 5, 24, 24),
        (19, 1, 0, 24, 24),
        (2, 40, 0, 16, 33),
        (3, 3, 0, 17, 17),
        (17, 33, 1, 64, 48),
        (64, 48, 0, 64, 48),
        (65, 47, 31, 64, 64),
        (128, 128, 0, 64, 64),
        (97, 203, 0, 96, 64),
        (333, 777, 4, 160, 96),
        (1920, 1080, 0, 128, 128),
        (8192, 1, 0, 64, 64),
        (1, 8192, 2, 64, 64),
        (40, 30, 7, 200, 161),
    ];

    public static TheoryData<PixelFormat> PixelFormats => [.. Enum.GetValues<PixelFormat>()];

    [Theory]
    [MemberData(nameof(PixelFormats))]
    public void Equals_the_reference_at_every_size_and_level(PixelFormat pixelFormat)
    {
        uint seed = 7;
        foreach ((int width, int height, int extra, int inputWidth, int inputHeight) in Sizes)
        {
            FrameFormat format = WithExtra(pixelFormat, width, height, extra);
            byte[] frame = PreprocessingTestFrames.Noise(format, seed++);
            byte[] wanted = new PreprocessingReference(frame, format).Levels(inputWidth, inputHeight);
            foreach (SimdLevel level in Levels)
            {
                CpuPreprocessor preprocessor = new(inputWidth, inputHeight, TensorElementType.Float32, level);
                byte[] levels = PreprocessingTestFrames.LevelsOf(PreprocessingTestFrames.Run(preprocessor, frame, format));
                AssertEqual(wanted, levels, $"{format} to {inputWidth}x{inputHeight}, {level}");
            }
        }
    }

    [Theory]
    [InlineData(PixelFormat.Nv12, YuvColor.Bt601Limited)]
    [InlineData(PixelFormat.Nv12, YuvColor.Bt601Full)]
    [InlineData(PixelFormat.Nv12, YuvColor.Bt709Limited)]
    [InlineData(PixelFormat.Nv12, YuvColor.Bt709Full)]
    [InlineData(PixelFormat.P010, YuvColor.Bt601Limited)]
    [InlineData(PixelFormat.P010, YuvColor.Bt601Full)]
    [InlineData(PixelFormat.P010, YuvColor.Bt709Limited)]
    [InlineData(PixelFormat.P010, YuvColor.Bt709Full)]
    public void Converts_every_colour_of_luminance_and_chroma(PixelFormat pixelFormat, YuvColor color)
    {
        // Unresized, so that each pixel shows one conversion. The first rows have the extremes, which noise hardly ever meets in all three samples.
        FrameFormat format = new(pixelFormat, 251, 255) { Color = color };
        byte[] frame = PreprocessingTestFrames.Noise(format, 99);
        foreach (Range rows in new[] { 0..20, 255..265 })
        {
            foreach (ref byte value in frame.AsSpan()[(rows.Start.Value * format.Stride)..(rows.End.Value * format.Stride)])
            {
                value = (byte)((value >> 7) * 255);
            }
        }

        byte[] wanted = new PreprocessingReference(frame, format).Levels(251, 255);
        foreach (SimdLevel level in Levels)
        {
            byte[] levels = PreprocessingTestFrames.Run(new CpuPreprocessor(251, 255, TensorElementType.UInt8, level), frame, format);
            AssertEqual(wanted, levels, $"{color}, {level}");
        }
    }

    [Theory]
    [InlineData(YuvColor.Bt601Limited)]
    [InlineData(YuvColor.Bt709Limited)]
    public void Ten_bits_without_the_lowest_two_are_nv12_in_limited_range(YuvColor color)
    {
        FrameFormat nv12 = new(PixelFormat.Nv12, 333, 214) { Color = color };
        FrameFormat p010 = new(PixelFormat.P010, 333, 214) { Color = color };
        byte[] bytes = PreprocessingTestFrames.Noise(nv12, 8);
        byte[] words = new byte[p010.ByteCount];
        for (int i = 0; i < bytes.Length; i++)
        {
            words[(2 * i) + 1] = bytes[i];
        }

        CpuPreprocessor preprocessor = new(96, 64, TensorElementType.UInt8);
        AssertEqual(
            PreprocessingTestFrames.Run(preprocessor, bytes, nv12), PreprocessingTestFrames.Run(preprocessor, words, p010), color.ToString());
    }

    [Theory]
    [InlineData(YuvColor.Bt601Limited, 64, 940)]
    [InlineData(YuvColor.Bt601Full, 0, 1023)]
    [InlineData(YuvColor.Bt709Limited, 64, 940)]
    [InlineData(YuvColor.Bt709Full, 0, 1023)]
    public void Ten_bits_reach_from_black_to_white(YuvColor color, int black, int white)
    {
        // Every sample of luminance without colour: a level is its share of the range, rounded.
        FrameFormat format = new(PixelFormat.P010, 1024, 1) { Color = color };
        byte[] frame = new byte[format.ByteCount];
        Span<ushort> words = MemoryMarshal.Cast<byte, ushort>(frame.AsSpan());
        words.Fill(512 << 6);
        for (int sample = 0; sample < 1024; sample++)
        {
            words[sample] = (ushort)(sample << 6);
        }

        byte[] levels = PreprocessingTestFrames.Run(new CpuPreprocessor(1024, 1, TensorElementType.UInt8), frame, format);
        for (int sample = 0; sample < 1024; sample++)
        {
            double wanted = Math.Clamp((sample - black) * 255.0 / (white - black), 0, 255);
            Assert.InRange(levels[sample], wanted - 0.6, wanted + 0.6);
            Assert.Equal(levels[sample], levels[1024 + sample]);
            Assert.Equal(levels[sample], levels[2048 + sample]);
        }
    }

    /// <summary>Hashes of OpenCV's own letterbox, from 1x1 to 8192x8192: golden/make_golden.py.</summary>
    [Fact]
    public void Equals_OpenCV_to_the_bit()
    {
        string path = Path.Combine(PreprocessingTestFrames.RepositoryRoot(), "tests/YoloZeroCopy.Tests/Preprocessing/golden/golden.txt");
        int cases = 0;
        foreach (string line in File.ReadLines(path))
        {
            string[] parts = line.Split(' ');
            FrameFormat format = new(Enum.Parse<PixelFormat>(parts[0]), int.Parse(parts[1]), int.Parse(parts[2]), int.Parse(parts[3]));
            (int inputWidth, int inputHeight) = (int.Parse(parts[4]), int.Parse(parts[5]));
            byte[] frame = PreprocessingTestFrames.Noise(format, uint.Parse(parts[6]));

            // The largest with the widest vectors only.
            bool isLarge = Math.Max(format.Width * format.Height, inputWidth * inputHeight) > 3_000_000;
            foreach (SimdLevel level in isLarge ? [SimdLevels.Best] : Levels)
            {
                CpuPreprocessor preprocessor = new(inputWidth, inputHeight, TensorElementType.UInt8, level);
                byte[] levels = PreprocessingTestFrames.Run(preprocessor, frame, format);
                string hash = Convert.ToHexStringLower(SHA256.HashData(levels).AsSpan(0, 16));
                Assert.True(parts[7] == hash, $"{line}: {level} gives {hash}.");
            }

            cases++;
        }

        Assert.Equal(185, cases);
    }

    [Theory]
    [InlineData(PixelFormat.Gray8, 8192, 8192, 64, 64)]
    [InlineData(PixelFormat.Bgr24, 1920, 1080, 640, 640)]
    [InlineData(PixelFormat.Nv12, 1919, 1079, 320, 320)]
    public void Equals_the_reference_on_large_frames(PixelFormat pixelFormat, int width, int height, int inputWidth, int inputHeight)
    {
        FrameFormat format = new(pixelFormat, width, height);
        byte[] frame = PreprocessingTestFrames.Noise(format, 11);
        byte[] wanted = new PreprocessingReference(frame, format).Levels(inputWidth, inputHeight);
        byte[] levels = PreprocessingTestFrames.Run(new CpuPreprocessor(inputWidth, inputHeight, TensorElementType.UInt8), frame, format);
        AssertEqual(wanted, levels, format.ToString());
    }

    [Fact]
    public void Copies_a_frame_of_the_inputs_size_exactly()
    {
        FrameFormat format = new(PixelFormat.Bgr24, 77, 53, 250);
        byte[] frame = PreprocessingTestFrames.Noise(format, 3);
        byte[] levels = PreprocessingTestFrames.Run(new CpuPreprocessor(77, 53, TensorElementType.UInt8), frame, format);
        for (int i = 0; i < levels.Length; i++)
        {
            (int channel, int y, int x) = (i / (77 * 53), i / 77 % 53, i % 77);
            Assert.Equal(frame[(y * 250) + (3 * x) + 2 - channel], levels[i]);
        }
    }

    [Fact]
    public void Element_types_agree_on_every_level_of_brightness()
    {
        // All 256 levels, copied unresized; the width leaves a tail behind every vector width.
        FrameFormat format = new(PixelFormat.Gray8, 256 + 13, 3);
        byte[] frame = [.. Enumerable.Range(0, format.ByteCount).Select(i => (byte)i)];
        foreach (SimdLevel level in Levels)
        {
            byte[] levels = PreprocessingTestFrames.Run(new CpuPreprocessor(269, 5, TensorElementType.UInt8, level), frame, format);
            byte[] floats = PreprocessingTestFrames.Run(new CpuPreprocessor(269, 5, TensorElementType.Float32, level), frame, format);
            byte[] halves = PreprocessingTestFrames.Run(new CpuPreprocessor(269, 5, TensorElementType.Float16, level), frame, format);
            for (int i = 0; i < levels.Length; i++)
            {
                int row = i / 269 % 5;
                Assert.Equal(row is 0 or 4 ? 114 : frame[(i % 269) + ((row - 1) * 269)], levels[i]);
                Assert.Equal(levels[i] / 255f, MemoryMarshal.Cast<byte, float>(floats)[i]);
                Assert.Equal((Half)(levels[i] / 255f), MemoryMarshal.Cast<byte, Half>(halves)[i]);
            }
        }
    }

    [Fact]
    public void Repeated_formats_allocate_nothing()
    {
        CpuPreprocessor preprocessor = new(64, 64, TensorElementType.Float32);
        FrameFormat[] formats =
        [
            new(PixelFormat.Bgr24, 100, 60), new(PixelFormat.Bgra32, 33, 90), new(PixelFormat.Gray8, 70, 70), new(PixelFormat.Nv12, 51, 51),
            new(PixelFormat.BayerGrbg8, 128, 96), new(PixelFormat.Rgb24, 64, 64), new(PixelFormat.Rgba32, 1, 1), new(PixelFormat.Nv12, 200, 20),
            new(PixelFormat.P010, 51, 51), new(PixelFormat.RgbPlanar, 33, 90),
        ];
        byte[][] frames = [.. formats.Select(format => PreprocessingTestFrames.Noise(format, 1))];
        byte[] tensor = new byte[preprocessor.TensorBytes];
        RunAll();

        // While methods are still being recompiled the runtime itself sometimes allocates on this thread; what Run allocates would show in every
        // attempt.
        long allocated = long.MaxValue;
        for (int attempt = 0; attempt < 10 && allocated != 0; attempt++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int round = 0; round < 20; round++)
            {
                RunAll();
            }

            allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        }

        Assert.Equal(0, allocated);

        void RunAll()
        {
            for (int i = 0; i < formats.Length; i++)
            {
                preprocessor.Run(frames[i], formats[i], tensor);
            }
        }
    }

    [Theory]
    [MemberData(nameof(PixelFormats))]
    public void Nothing_of_a_frame_shows_in_the_next_one_of_its_size(PixelFormat pixelFormat)
    {
        FrameFormat format = new(pixelFormat, 40, 30);
        foreach (SimdLevel level in Levels)
        {
            CpuPreprocessor preprocessor = new(96, 96, TensorElementType.UInt8, level);
            for (uint seed = 1; seed <= 3; seed++)
            {
                byte[] frame = PreprocessingTestFrames.Noise(format, seed);
                byte[] wanted = new PreprocessingReference(frame, format).Levels(96, 96);
                AssertEqual(wanted, PreprocessingTestFrames.Run(preprocessor, frame, format), $"{format}, frame {seed}, {level}");
            }
        }
    }

    [Fact]
    public void Plans_are_kept_for_the_sizes_seen_last()
    {
        ResamplePlanCache cache = new(64, 64);
        ResamplePlan[] plans = [.. Enumerable.Range(1, ResamplePlanCache.Capacity).Select(i => cache.Get(i, 10, 3))];
        Assert.Same(plans[0], cache.Get(1, 10, 3));
        ResamplePlan other = cache.Get(1, 10, 4);
        Assert.NotSame(plans[0], other);
        Assert.Same(plans[0], cache.Get(1, 10, 3));
        Assert.Same(other, cache.Get(1, 10, 4));
        Assert.NotSame(plans[1], cache.Get(2, 10, 3));
        Assert.Same(plans[7], cache.Get(8, 10, 3));
    }

    [Fact]
    public void Instances_work_side_by_side()
    {
        FrameFormat[] formats = [new(PixelFormat.Bgr24, 300, 200), new(PixelFormat.Nv12, 201, 303), new(PixelFormat.BayerRggb8, 400, 300)];
        byte[][] frames = [.. formats.Select(format => PreprocessingTestFrames.Noise(format, 5))];
        byte[][] wanted = [.. formats.Select(
            (format, i) => PreprocessingTestFrames.Run(new CpuPreprocessor(96, 96, TensorElementType.Float32), frames[i], format))];
        bool[] equal = new bool[3];
        Thread[] threads = [.. Enumerable.Range(0, 3).Select(t => new Thread(() =>
        {
            CpuPreprocessor preprocessor = new(96, 96, TensorElementType.Float32);
            bool same = true;
            for (int round = 0; round < 30; round++)
            {
                int i = (t + round) % 3;
                same &= PreprocessingTestFrames.Run(preprocessor, frames[i], formats[i]).AsSpan().SequenceEqual(wanted[i]);
            }

            equal[t] = same;
        }))];
        Array.ForEach(threads, thread => thread.Start());
        Array.ForEach(threads, thread => thread.Join());
        Assert.Equal([true, true, true], equal);
    }

    [Fact]
    public void Refuses_wrong_lengths_and_names_both()
    {
        FrameFormat format = new(PixelFormat.Bgr24, 20, 10);
        CpuPreprocessor preprocessor = new(32, 16, TensorElementType.Float16);
        Assert.Equal(3 * 32 * 16 * 2, preprocessor.TensorBytes);
        byte[] tensor = new byte[preprocessor.TensorBytes];
        ArgumentException error = Assert.Throws<ArgumentException>("frame", () => preprocessor.Run(new byte[599], format, tensor));
        Assert.Contains("600", error.Message, StringComparison.Ordinal);
        Assert.Contains("599", error.Message, StringComparison.Ordinal);
        foreach (int length in new[] { 0, tensor.Length - 1, tensor.Length + 1 })
        {
            error = Assert.Throws<ArgumentException>("tensor", () => preprocessor.Run(new byte[600], format, new byte[length]));
            Assert.Contains("3072", error.Message, StringComparison.Ordinal);
            Assert.Contains($" {length} were", error.Message, StringComparison.Ordinal);
        }

        Assert.Throws<ArgumentException>("frame", () => preprocessor.Run(new byte[600], default, tensor));
        FrameFormat unknownColor = new(PixelFormat.Nv12, 20, 10) { Color = (YuvColor)9 };
        Assert.Throws<ArgumentOutOfRangeException>("color", () => preprocessor.Run(new byte[600], unknownColor, tensor));
    }

    [Fact]
    public void Refuses_inputs_that_no_model_has()
    {
        Assert.Throws<ArgumentOutOfRangeException>("inputWidth", () => new CpuPreprocessor(0, 640, TensorElementType.Float32));
        Assert.Throws<ArgumentOutOfRangeException>("inputHeight", () => new CpuPreprocessor(640, 8193, TensorElementType.Float32));
        Assert.Throws<ArgumentOutOfRangeException>("elementType", () => new CpuPreprocessor(640, 640, (TensorElementType)3));
    }

    internal static FrameFormat WithExtra(PixelFormat pixelFormat, int width, int height, int extra) =>
        new(
            pixelFormat, width, height, new FrameFormat(pixelFormat, width, height).Stride + (pixelFormat == PixelFormat.P010 ? 2 * extra : extra));

    private static void AssertEqual(byte[] wanted, byte[] levels, string what)
    {
        int equal = wanted.AsSpan().CommonPrefixLength(levels);
        if (equal < wanted.Length || equal < levels.Length)
        {
            Assert.Fail($"{what}: element {equal} of {wanted.Length} is {levels.ElementAtOrDefault(equal)}; "
                + $"{wanted.ElementAtOrDefault(equal)} is wanted.");
        }
    }
}
