using System.Runtime.InteropServices;
using System.Text;

namespace YoloZeroCopy.Tests;

/// <summary>Files of heads' maps with what the processor makes of them, for the program in native/tests/kernels.</summary>
internal static class HeadGolden
{
    // One for all, as the kernel gives it.
    private const uint NotANumber = 0x7FC00000;

    public static void Write(string folder)
    {
        DecodingOptions[] options =
        [
            new(),
            new() { ScoreThreshold = 0.001f, IouThreshold = 0.45f, MaxDetections = 1024, ClassAgnostic = true },
            new() { ScoreThreshold = 0f, IouThreshold = 0f, MaxDetections = 7 },
            new() { ScoreThreshold = 0.5f, IouThreshold = 1f, MaxDetections = 100 },
            new() { ScoreThreshold = 0.9f },
            new() { ScoreThreshold = 1f },
        ];
        (DetectionHead Head, double Candidates)[] heads =
        [
            (DetectionHeadTests.ForInput(64, 64, bins: 16, classCount: 80), 0.3),
            (DetectionHeadTests.ForInput(96, 64, bins: 16, classCount: 1), 0.9),
            (DetectionHeadTests.ForInput(64, 96, bins: 1, classCount: 5), 0.5),
            (DetectionHeadTests.ForInput(64, 64, bins: 3, classCount: 9), 0.5),
            (DetectionHeadTests.ForInput(64, 32, bins: 16, classCount: 1024), 0.5),
            (DetectionHeadTests.ForInput(32, 32, bins: 8, classCount: 33), 1),
            (DetectionHeadTests.ForInput(320, 256, bins: 16, classCount: 80), 0.1),
            (OfEightLevels(), 0.5),
        ];
        int number = 0;
        foreach ((DetectionHead head, double candidates) in heads)
        {
            // Every head under two thresholds, of which one is the usual one; the second time with some of its classes.
            DecodingOptions other = options[1 + (number % (options.Length - 1))];
            DecodingOptions some = other with { Classes = [.. Enumerable.Range(0, head.ClassCount).Where(static id => id % 31 == 0 || id % 7 == 3)] };
            Write(Path.Combine(folder, $"head_{number}.bin"), HeadMaps.Random(head, 3, candidates, options[0], number), 3, options[0]);
            Write(Path.Combine(folder, $"head_{number}_other.bin"), HeadMaps.Random(head, 2, candidates, other, number + 100), 2, other);
            Write(Path.Combine(folder, $"head_{number}_some.bin"), HeadMaps.Random(head, 1, candidates, some, number + 200), 1, some);
            number++;
        }

        WriteWrong(folder, OutputLayout.ChannelsFirst);
        WriteWrong(folder, OutputLayout.EndToEnd);
        WritePairs(folder);
        WriteAnchorBoxes(folder);
    }

    private static void WriteAnchorBoxes(string folder)
    {
        (DetectionHead Head, double Candidates, DecodingOptions Options)[] cases =
        [
            (DetectionHeadTests.OfAnchorBoxes(64, 64, boxes: 3, classCount: 80), 0.3, new()),
            (DetectionHeadTests.OfAnchorBoxes(96, 64, boxes: 1, classCount: 1), 0.9, new() { ClassAgnostic = true }),
            (DetectionHeadTests.OfAnchorBoxes(64, 64, boxes: DecodeKernels.AnchorBoxLimit, classCount: 7), 0.5, new() { ScoreThreshold = 0.5f }),
            (DetectionHeadTests.OfAnchorBoxes(256, 320, boxes: 3, classCount: 80), 0.05, new()),
            (DetectionHeadTests.OfAnchorBoxes(64, 32, boxes: 2, classCount: 1024), 0.9, new() { ScoreThreshold = 0, MaxDetections = 100 }),
        ];
        int number = 0;
        foreach ((DetectionHead head, double candidates, DecodingOptions options) in cases)
        {
            DecodingOptions some = options with { Classes = [.. Enumerable.Range(0, head.ClassCount).Where(static id => id % 3 != 1)] };
            Write(Path.Combine(folder, $"head_boxes_{number}.bin"), HeadMaps.Random(head, 2, candidates, options, number), 2, options);
            Write(Path.Combine(folder, $"head_boxes_{number}_some.bin"), HeadMaps.Random(head, 1, candidates, some, number + 50), 1, some);
            number++;
        }

        // In a level all cells' second boxes come behind all cells' first ones.
        DetectionHead wrong = DetectionHeadTests.OfAnchorBoxes(64, 64, boxes: 3, classCount: 9);
        (int Element, Half Value, float Given)[] places =
        [
            (4, Half.NaN, (float)Half.NaN), (5 + 8, Half.NegativeInfinity, float.NegativeInfinity), (2, Half.NaN, float.NaN),
        ];
        HeadMaps maps = HeadMaps.Random(wrong, places.Length, 0.2, new DecodingOptions(), seed: 8);
        KernelResultHeader[] headers = new KernelResultHeader[places.Length];
        for (int picture = 0; picture < places.Length; picture++)
        {
            (int element, Half value, float given) = places[picture];
            Span<Half> channels = maps.AnchorBox(1, picture, cell: 5, box: 2);
            (channels[4], channels[5 + 2]) = ((Half)4f, (Half)5f);
            channels[element] = value;
            uint bits = element == 2 ? NotANumber : BitConverter.SingleToUInt32Bits(given);
            int anchor = wrong.Levels[0].Anchors + (2 * 16) + 5;
            headers[picture] = new KernelResultHeader(0, 0, 0, KernelDecodeStatus.NotFinite, anchor, element, bits, 0);
        }

        Write(Path.Combine(folder, "head_boxes_wrong.bin"), maps, places.Length, new DecodingOptions(), headers);
    }

    /// <summary>Heads that need no suppression: fewer and more anchors and pairs than are kept.</summary>
    private static void WritePairs(string folder)
    {
        (DetectionHead Head, double Candidates, int Kept, DecodingOptions Options)[] cases =
        [
            (DetectionHeadTests.ForInput(64, 64, bins: 1, classCount: 80), 0.3, 300, new()),
            (DetectionHeadTests.ForInput(64, 64, bins: 16, classCount: 5), 0.8, 20, new()),
            (DetectionHeadTests.ForInput(320, 320, bins: 1, classCount: 80), 0.5, 300, new()),
            (DetectionHeadTests.ForInput(64, 64, bins: 1, classCount: 3), 0.9, 1, new() { ScoreThreshold = 0.5f }),

            // Every pair is above the threshold, and they are more than can be sorted; nearly all of the same score.
            (DetectionHeadTests.ForInput(96, 96, bins: 1, classCount: 80), 0.9, 300, new() { ScoreThreshold = 0, MaxDetections = 100 }),
            (DetectionHeadTests.ForInput(96, 96, bins: 1, classCount: 80), 0.9, 150, new() { ScoreThreshold = 0, MaxDetections = 1024 }),
            (DetectionHeadTests.ForInput(320, 320, bins: 1, classCount: 9), 0.4, 1024, new() { ScoreThreshold = 0.0001f, MaxDetections = 1024 }),
        ];
        int number = 0;
        foreach ((DetectionHead head, double candidates, int kept, DecodingOptions options) in cases)
        {
            DetectionHead ofPairs = head with { Layout = OutputLayout.EndToEnd, Kept = kept };
            DecodingOptions some = options with { Classes = [.. Enumerable.Range(0, head.ClassCount).Where(static id => id % 3 != 1)] };
            Write(Path.Combine(folder, $"head_pairs_{number}.bin"), HeadMaps.Random(ofPairs, 2, candidates, options, number), 2, options);
            Write(Path.Combine(folder, $"head_pairs_{number}_some.bin"), HeadMaps.Random(ofPairs, 1, candidates, some, number + 50), 1, some);
            number++;
        }
    }

    // Sizes that no two neighbours of a network have: nothing of a level follows from another's.
    private static DetectionHead OfEightLevels()
    {
        HeadLevel Level(int number) => new(
            9 - number,
            3 + (2 * number),
            4 << number,
            new HeadMap($"sides{number}", 16, 9 - number, 3 + (2 * number)),
            new HeadMap($"scores{number}", 3, 9 - number, 3 + (2 * number)));
        return new DetectionHead
        {
            Bins = 4,
            ClassCount = 3,
            ElementType = TensorElementType.Float16,
            Levels = [.. Enumerable.Range(0, DecodeKernels.LevelLimit).Select(Level)],
        };
    }

    /// <summary>Maps with one wrong value each: the processor's exception and the one made of the kernel's header say the same.</summary>
    private static void WriteWrong(string folder, OutputLayout layout)
    {
        DetectionHead head = DetectionHeadTests.ForInput(64, 64, bins: 16, classCount: 9) with { Layout = layout, Kept = 100 };
        DecodingOptions options = new();
        (int Level, int Cell, int Element, Half Value)[] places =
        [
            (0, 17, 4 + 8, Half.NaN), (1, 5, 4, Half.PositiveInfinity), (2, 3, 4 + 3, Half.NegativeInfinity),
            (0, 0, 0, Half.NaN), (1, 15, 3, Half.PositiveInfinity),
        ];
        HeadMaps maps = HeadMaps.Random(head, places.Length, 0.2, options, seed: 5);
        int[] firstAnchors = [0, 64, 80];
        KernelResultHeader[] headers = new KernelResultHeader[places.Length];
        for (int picture = 0; picture < places.Length; picture++)
        {
            (int level, int cell, int element, Half value) = places[picture];
            maps.Logits(level, picture, cell)[2] = (Half)1f;
            if (element >= 4)
            {
                maps.Logits(level, picture, cell)[element - 4] = value;
            }
            else
            {
                // One of the side's bins; the mean is no number then, whichever it is.
                maps.Sides(level, picture, cell)[(16 * element) + 7] = value;
            }

            uint bits = element < 4 ? NotANumber : BitConverter.SingleToUInt32Bits((float)value);
            headers[picture] = new KernelResultHeader(0, 0, 0, KernelDecodeStatus.NotFinite, firstAnchors[level] + cell, element, bits, 0);
        }

        Write(Path.Combine(folder, $"head_wrong_{layout}.bin"), maps, places.Length, options, headers);

        // Where a side is one number, it is the corner that is infinite.
        HeadMaps plain = HeadMaps.Random(
            DetectionHeadTests.ForInput(64, 64, bins: 1, classCount: 2) with { Layout = layout, Kept = 100 }, 1, 0.2, options, seed: 6);
        plain.Logits(0, 0, 9)[1] = (Half)2f;
        plain.Sides(0, 0, 9)[1] = Half.PositiveInfinity;
        KernelResultHeader corner = new(
            0, 0, 0, KernelDecodeStatus.NotFinite, 9, 1, BitConverter.SingleToUInt32Bits(float.NegativeInfinity), 0);
        Write(Path.Combine(folder, $"head_wrong_plain_{layout}.bin"), plain, 1, options, [corner]);
    }

    private static void Write(string path, HeadMaps maps, int pictures, DecodingOptions options, KernelResultHeader[]? wrong = null)
    {
        DecodeKernels kernels = new(maps.Head, options);
        using BinaryWriter file = new(File.Create(path));
        file.Write(Encoding.ASCII.GetBytes("YZCH"));
        file.Write(pictures);
        HeadParameters parameters = kernels.HeadParametersFor(kernels.ParametersFor(0, 0, 0, 0), pictures);
        file.Write(MemoryMarshal.AsBytes(new ReadOnlySpan<HeadParameters>(in parameters)));
        Letterbox[] letterboxes = [.. Enumerable.Range(0, pictures).Select(static i => new Letterbox(1920 - (117 * i), 1080 + (31 * i), 640, 640))];
        foreach (Letterbox letterbox in letterboxes)
        {
            KernelPicture picture = new(new FrameFormat(PixelFormat.Gray8, letterbox.FrameWidth, letterbox.FrameHeight), letterbox, frame: 0);
            file.Write(MemoryMarshal.AsBytes(new ReadOnlySpan<KernelPicture>(in picture)));
        }

        byte[] output = maps.ToBytes();
        file.Write(output.Length);
        file.Write(output);
        for (int picture = 0; picture < pictures; picture++)
        {
            Detection[] detections = [];
            KernelResultHeader header;
            if (wrong is null)
            {
                detections = maps.Decode(picture, options, letterboxes[picture]);
                header = new KernelResultHeader(detections.Length, 0, 0, KernelDecodeStatus.Decoded, -1, -1, 0, 0);
            }
            else
            {
                header = wrong[picture];
                InferenceException byCpu = Assert.Throws<InferenceException>(() => maps.Decode(picture, options, letterboxes[picture]));
                byte[] result = new byte[kernels.ResultBytes];
                MemoryMarshal.Write(result, in header);
                InferenceException byKernel =
                    Assert.Throws<InferenceException>(() => kernels.Read(result, new Detection[kernels.MaxDetections], out _));
                Assert.Equal(byCpu.Message, byKernel.Message);
            }

            file.Write(MemoryMarshal.AsBytes(new ReadOnlySpan<KernelResultHeader>(in header)));
            file.Write(MemoryMarshal.AsBytes(detections.AsSpan()));
        }
    }
}
