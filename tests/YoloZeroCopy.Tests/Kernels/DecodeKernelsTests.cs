using System.Runtime.InteropServices;

namespace YoloZeroCopy.Tests;

/// <summary>Plans, limits and reading of results; what the kernels themselves do is in <see cref="KernelGoldenTests"/>.</summary>
public class DecodeKernelsTests
{
    private static readonly DecodeKernels Kernels = new(OutputLayout.ChannelsFirst, 8400, 80, TensorElementType.Float16, new DecodingOptions());

    [Fact]
    public void Plans_a_yolo_model()
    {
        Assert.Equal("yzc_scan_channels_f16", Kernels.ScanName);
        Assert.Equal(new KernelGrid(33, 8, 1, 256), Kernels.ScanGrid(8));
        Assert.Equal(new KernelGrid(8, 1, 1, 1024), DecodeKernels.RankGrid(8));
        Assert.Equal(300, Kernels.MaxDetections);
        Assert.True(Kernels.ResultBytes >= 32 + (300 * 24) && Kernels.ResultBytes % 32 == 0);
        Assert.True(Kernels.ScratchBytes % 256 == 0 && Kernels.ScratchBytes < 256 * 1024, $"{Kernels.ScratchBytes} bytes of scratch memory.");
        Assert.Equal(new KernelGrid(10, 80, 8, 256), PreprocessKernel.GridOf(640, 640, 8));
        Assert.Equal(new KernelGrid(1, 1, 1, 256), PreprocessKernel.GridOf(1, 1, 1));
        Assert.Equal(5, new DecodeKernels(OutputLayout.EndToEnd, 5, 80, TensorElementType.Float32, new DecodingOptions()).MaxDetections);
    }

    [Fact]
    public void Plans_a_head_with_segments_of_one_level_each()
    {
        DetectionHead head = DetectionHeadTests.ForInput(640, 640, bins: 16, classCount: 80) with
        {
            ElementType = TensorElementType.Float16,
            IsChannelsLast = true,
        };
        DecodeKernels kernels = new(head, new DecodingOptions());
        Assert.True(kernels.IsOfHead);
        Assert.Equal(8400, kernels.Anchors);

        // Ten vectors a cell: 64 cells to a block.
        Assert.Equal(new KernelGrid(100 + 25 + 7, 8, 1, 256), kernels.ScanGrid(8));
        HeadParameters parameters = kernels.HeadParametersFor(kernels.ParametersFor(1, 2, 3, 4), 8);
        Assert.Equal((8, 3, 16), (parameters.Batch, parameters.LevelCount, parameters.Bins));
        Assert.Equal(new KernelHeadLevel(80, 6400, 8, 0, 0, 0, 6400 * 128), parameters.Levels[0]);
        Assert.Equal(new KernelHeadLevel(40, 1600, 16, 6400, 100, 6400 * 288, (6400 * 288) + (1600 * 128)), parameters.Levels[1]);
        Assert.Equal(new KernelHeadLevel(20, 400, 32, 8000, 125, 8000 * 288, (8000 * 288) + (400 * 128)), parameters.Levels[2]);
        Assert.Equal((ulong)2, parameters.Decode.Output);
        Assert.False(Kernels.IsOfHead);
    }

    [Fact]
    public void A_head_with_anchor_boxes_has_as_many_anchors_as_boxes()
    {
        DetectionHead head = DetectionHeadTests.OfAnchorBoxes(640, 640, boxes: 3, classCount: 80) with
        {
            ElementType = TensorElementType.Float16,
            IsChannelsLast = true,
        };
        DecodeKernels kernels = new(head, new DecodingOptions());
        Assert.Equal(("yzc_scan_anchor_boxes_f16", "yzc_suppress"), (kernels.ScanName, kernels.RankName));
        Assert.Equal((6400 * 2) + (1600 * 3) + (400 * 3), kernels.Anchors);
        Assert.Equal(50 + 19 + 5, kernels.ScanGrid(1).X);
        HeadParameters parameters = kernels.HeadParametersFor(default, 1);

        // 2 and 3 times 85 channels, filled up to 176 and 256.
        Assert.Equal(new KernelHeadLevel(40, 1600, 16, 12800, 50, 6400 * 352, 6400 * 352, 3), parameters.Levels[1]);
        Assert.Equal(new AnchorBox(16 * 2.5f, 16 * 1.5f), parameters.AnchorBoxes[DecodeKernels.AnchorBoxLimit + 1]);
    }

    [Fact]
    public void A_head_that_needs_no_suppression_gives_as_many_detections_as_it_keeps()
    {
        DetectionHead head = DetectionHeadTests.ForInput(640, 640, bins: 1, classCount: 80) with
        {
            ElementType = TensorElementType.Float16,
            IsChannelsLast = true,
            Layout = OutputLayout.EndToEnd,
            Kept = 300,
        };
        Assert.Equal(300, new DecodeKernels(head, new DecodingOptions { MaxDetections = 1000 }).MaxDetections);
        Assert.Equal(10, new DecodeKernels(head, new DecodingOptions { MaxDetections = 10 }).MaxDetections);
        Assert.Equal(300, new DecodeKernels(head, new DecodingOptions()).HeadParametersFor(default, 1).Kept);
        Assert.Equal("yzc_choose_pairs", new DecodeKernels(head, new DecodingOptions()).RankName);
    }

    [Theory]
    [InlineData(1, 256)]
    [InlineData(32, 256)]
    [InlineData(33, 128)]
    [InlineData(80, 64)]
    [InlineData(1024, 32)]
    public void A_block_looks_at_some_16_kilobytes_of_logits(int classCount, int cells)
    {
        DetectionHead head = DetectionHeadTests.ForInput(64, 64, bins: 1, classCount) with
        {
            ElementType = TensorElementType.Float16,
            IsChannelsLast = true,
        };
        Assert.Equal(cells, new DecodeKernels(head, new DecodingOptions()).ParametersFor(0, 0, 0, 0).SegmentAnchors);
        DecodeKernels ofBest = new(head, new DecodingOptions(), hasBestLogits: true);
        Assert.Equal(("yzc_scan_best_f16", 256), (ofBest.ScanName, ofBest.ParametersFor(0, 0, 0, 0).SegmentAnchors));
    }

    [Fact]
    public void Refuses_heads_of_another_kind()
    {
        DetectionHead head = DetectionHeadTests.ForInput(64, 64, bins: 16, classCount: 3) with
        {
            ElementType = TensorElementType.Float16,
            IsChannelsLast = true,
        };
        DecodingOptions options = new();
        foreach (DetectionHead wrong in (DetectionHead[])
        [
            head with { IsChannelsLast = false }, head with { ElementType = TensorElementType.Float32 }, head with { Levels = [] },
            head with { Levels = [.. Enumerable.Repeat(head.Levels[0], DecodeKernels.LevelLimit + 1)] },
            head with { ClassCount = DecodeKernels.ClassLimit + 1 }, head with { Layout = OutputLayout.AnchorsFirst },
            DetectionHeadTests.OfAnchorBoxes(64, 64, DecodeKernels.AnchorBoxLimit + 1, 3) with
            {
                ElementType = TensorElementType.Float16,
                IsChannelsLast = true,
            },
            head with { Layout = OutputLayout.EndToEnd }, head with { Layout = OutputLayout.EndToEnd, Kept = DecodeKernels.DetectionLimit + 1 },
        ])
        {
            Assert.NotNull(DecodeKernels.WhyNot(wrong));
            Assert.Throws<ArgumentException>(() => new DecodeKernels(wrong, options));
        }

        Assert.Null(DecodeKernels.WhyNot(head));
        DetectionHead ofPairs = head with { Layout = OutputLayout.EndToEnd, Kept = 10 };
        Assert.Null(DecodeKernels.WhyNot(ofPairs));
        Assert.Throws<ArgumentException>(() => new DecodeKernels(ofPairs, options, hasBestLogits: true));
    }

    [Fact]
    public void The_best_logit_of_a_cell_is_one_word()
    {
        // In order: what is not finite and negative, numbers, what is not finite and positive.
        Assert.Equal(0xBC00FFFFu, BestLogit.Of([Half.One]));
        Assert.Equal(0xC000FFFDu, BestLogit.Of([Half.One, (Half)(-3), (Half)2, (Half)2]));
        Assert.Equal(0x8000FFFFu, BestLogit.Of([Half.NegativeZero, Half.Zero]));
        Assert.Equal(0x43FFFFFEu, BestLogit.Of([(Half)(-2), Half.NegativeOne]));
        Assert.Equal(0xFC00FFFEu, BestLogit.Of([(Half)9, Half.PositiveInfinity, Half.NegativeInfinity]));
        Assert.Equal(0x03FFFFFFu, BestLogit.Of([Half.NegativeInfinity, (Half)9]));
        Assert.Equal(0x01FFFFFEu, BestLogit.Of([(Half)9, BitConverter.UInt16BitsToHalf(0xFE00)]));

        // Three cells of a map of nine classes, which takes sixteen.
        Half[] map = [.. Enumerable.Range(0, 48).Select(static index => (Half)(index % 16))];
        BestLogit.Replace(map, 9);
        Assert.Equal(
            Enumerable.Repeat(BestLogit.Of([.. Enumerable.Range(0, 9).Select(static index => (Half)index)]), 3),
            System.Runtime.InteropServices.MemoryMarshal.Cast<Half, uint>(map)[..3].ToArray());
    }

    [Fact]
    public void Refuses_what_the_kernels_cannot_do()
    {
        DecodingOptions options = new();
        _ = Assert.Throws<ArgumentOutOfRangeException>(
            () => new DecodeKernels(OutputLayout.ChannelsFirst, 0, 80, TensorElementType.Float16, options));
        _ = Assert.Throws<ArgumentOutOfRangeException>(
            () => new DecodeKernels(OutputLayout.ChannelsFirst, DecodeKernels.AnchorLimit + 1, 80, TensorElementType.Float16, options));
        _ = Assert.Throws<ArgumentOutOfRangeException>(
            () => new DecodeKernels(OutputLayout.ChannelsFirst, 10, DecodeKernels.ClassLimit + 1, TensorElementType.Float16, options));
        _ = Assert.Throws<ArgumentOutOfRangeException>(() => new DecodeKernels((OutputLayout)7, 10, 1, TensorElementType.Float16, options));
        _ = Assert.Throws<ArgumentException>(() => new DecodeKernels(OutputLayout.ChannelsFirst, 10, 1, TensorElementType.UInt8, options));
        _ = Assert.Throws<ArgumentOutOfRangeException>(
            () => new DecodeKernels(OutputLayout.ChannelsFirst, 8400, 1, TensorElementType.Float16,
                new DecodingOptions { MaxDetections = DecodeKernels.DetectionLimit + 1 }));
        _ = Assert.Throws<ArgumentOutOfRangeException>(() => Kernels.ScanGrid(0));
        _ = Assert.Throws<ArgumentOutOfRangeException>(() => PreprocessKernel.GridOf(640, 8193, 1));
        _ = Assert.Throws<ArgumentOutOfRangeException>(() => PreprocessKernel.NameOf((TensorElementType)9));
        _ = Assert.Throws<ArgumentException>(() => new KernelPicture(default, new Letterbox(4, 4, 8, 8), 0));
        _ = Assert.Throws<ArgumentException>(() => new KernelPicture(new FrameFormat(PixelFormat.Gray8, 5, 4), new Letterbox(4, 4, 8, 8), 0));
    }

    [Theory]
    [InlineData(PixelFormat.Nv12, 16)]
    [InlineData(PixelFormat.P010, 32)]
    public void Chroma_is_behind_the_luminance_or_where_it_is_told(PixelFormat pixelFormat, int stride)
    {
        FrameFormat format = new(pixelFormat, 10, 6, stride);
        Letterbox letterbox = new(10, 6, 32, 32);
        Assert.Equal(1000UL + (6 * (ulong)stride), new KernelPicture(format, letterbox, 1000).Chroma);
        Assert.Equal(5000UL, new KernelPicture(format, letterbox, 1000, 5000).Chroma);
    }

    [Fact]
    public void Reads_results_without_allocating()
    {
        byte[] result = new byte[Kernels.ResultBytes];
        KernelResultHeader header = new(2, 5000, 904, KernelDecodeStatus.Decoded, -1, -1, 0, 0);
        Detection[] wanted = [new Detection(3, 0.5f, 1, 2, 3, 4), new Detection(79, 0.25f, 5, 6, 7, 8)];
        MemoryMarshal.Write(result, in header);
        MemoryMarshal.AsBytes(wanted.AsSpan()).CopyTo(result.AsSpan(32));
        Detection[] detections = new Detection[300];
        Assert.Equal(2, Kernels.Read(result, detections, out int cut));
        Assert.Equal(904, cut);
        Assert.Equal(wanted, detections[..2]);

        Assert.Equal(0, AllocationSlices.LeastHere(() =>
        {
            for (int i = 0; i < 1000; i++)
            {
                _ = Kernels.Read(result, detections, out _);
            }
        }));
    }

    [Theory]
    [InlineData(301, 0)]
    [InlineData(-1, 0)]
    [InlineData(1, -5)]
    public void Refuses_bytes_that_are_no_result(int count, int cut)
    {
        byte[] result = new byte[Kernels.ResultBytes];
        KernelResultHeader header = new(count, 0, cut, KernelDecodeStatus.Decoded, -1, -1, 0, 0);
        MemoryMarshal.Write(result, in header);
        _ = Assert.Throws<InferenceException>(() => Kernels.Read(result, new Detection[300], out _));
        _ = Assert.Throws<ArgumentException>(() => Kernels.Read(result.AsSpan(1).ToArray(), new Detection[300], out _));
        _ = Assert.Throws<ArgumentException>(() => Kernels.Read(result, new Detection[299], out _));
    }
}
