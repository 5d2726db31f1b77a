namespace YoloZeroCopy.Tests;

public sealed class DetectionHeadTests
{
    [Fact]
    public void Channels_that_come_last_are_filled_up_to_eight()
    {
        DetectionHead first = ForInput(64, 32, bins: 16, classCount: 5);
        DetectionHead last = first with { IsChannelsLast = true, ElementType = TensorElementType.Float16 };
        Assert.Equal((32 + 8 + 2) * (64 + 5) * sizeof(float), first.PictureBytes);
        Assert.Equal((32 + 8 + 2) * (64 + 8) * sizeof(ushort), last.PictureBytes);
        Assert.Equal(
            [32 * 64 * 2, 32 * 8 * 2, 8 * 64 * 2, 8 * 8 * 2, 2 * 64 * 2, 2 * 8 * 2],
            last.Maps.Select(last.MapBytes));

        // One number a side.
        Assert.Equal(42 * (8 + 16) * sizeof(ushort), (ForInput(64, 32, bins: 1, classCount: 9) with
        {
            IsChannelsLast = true,
            ElementType = TensorElementType.Float16,
        }).PictureBytes);
    }

    [Fact]
    public void The_processor_decodes_no_maps_whose_channels_come_last() => Assert.Throws<ArgumentException>(
        () => new HeadDecoder(ForInput(64, 32, bins: 1, classCount: 1) with { IsChannelsLast = true }, new DecodingOptions()));

    /// <summary>A head with anchor boxes: of the first level one less than of the others.</summary>
    internal static DetectionHead OfAnchorBoxes(int width, int height, int boxes, int classCount)
    {
        HeadLevel Level(int stride)
        {
            int count = stride == 8 ? Math.Max(1, boxes - 1) : boxes;
            HeadMap map = new($"map{stride}", count * (5 + classCount), width / stride, height / stride);
            return new HeadLevel(width / stride, height / stride, stride, map, map)
            {
                AnchorBoxes = [.. Enumerable.Range(1, count).Select(number => new AnchorBox(stride * 1.25f * number, stride * 0.75f * number))],
            };
        }

        return new DetectionHead
        {
            Layout = OutputLayout.AnchorsFirst,
            Bins = 1,
            ClassCount = classCount,
            ElementType = TensorElementType.Float32,
            Levels = [Level(8), Level(16), Level(32)],
        };
    }

    /// <summary>A head of single precision with strides of 8, 16 and 32.</summary>
    internal static DetectionHead ForInput(int width, int height, int bins, int classCount)
    {
        HeadLevel Level(int stride) => new(
            width / stride,
            height / stride,
            stride,
            new HeadMap($"sides{stride}", 4 * bins, width / stride, height / stride),
            new HeadMap($"scores{stride}", classCount, width / stride, height / stride));
        return new DetectionHead
        {
            Bins = bins,
            ClassCount = classCount,
            ElementType = TensorElementType.Float32,
            Levels = [Level(8), Level(16), Level(32)],
        };
    }
}
