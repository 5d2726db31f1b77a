namespace YoloZeroCopy.Tests;

/// <summary>Sizes that are planned before a device is asked for anything.</summary>
public sealed class CudaSizesTests
{
    [Theory]
    [InlineData(1, 0, "1")]
    [InlineData(2, 0, "1 2")]
    [InlineData(4, 0, "1 4")]
    [InlineData(8, 0, "1 8")]
    [InlineData(32, 0, "1 8 32")]
    [InlineData(256, 0, "1 8 64 256")]
    [InlineData(3, 6, "6")]
    public void Buckets_grow_by_eight_and_end_with_the_largest_batch(int maxBatch, int fixedBatch, string wanted) =>
        Assert.Equal(wanted, string.Join(' ', BatchBucket.SizesFor(maxBatch, fixedBatch)));

    [Fact]
    public void A_lane_takes_the_sum_of_its_aligned_parts()
    {
        CudaLaneSizes sizes = new(Batch: 3, TensorBatch: 4, FrameStep: 4096, InputBytes: 1000, OutputBytes: 999, ScratchBytes: 256, ResultBytes: 64);
        long pictures = CudaLaneMemory.PicturesBytes(4);
        Assert.True(pictures >= 4 * System.Runtime.CompilerServices.Unsafe.SizeOf<KernelPicture>());
        long Aligned(long bytes) => CudaLaneMemory.Align(bytes);
        Assert.Equal(Aligned(3 * 4096) + Aligned(256) + pictures + Aligned(1024), sizes.DeviceBytes);
        Assert.Equal(Aligned(4000) + Aligned(3996), sizes.ComputeBytes);
        Assert.Equal(pictures + Aligned(256), sizes.HostBytes);
        Assert.Equal(sizes.DeviceBytes * 3, Planned(MemoryItem.Frames, MemoryItem.Results, MemoryItem.Workspace));
        Assert.Equal(sizes.ComputeBytes * 2, Planned(MemoryItem.Inputs, MemoryItem.Outputs));
        Assert.Equal(2 * Planned(MemoryItem.Graphs), Graphs(sizes with { HasResultStream = true }));
        long Planned(params MemoryItem[] items) => sizes.Plan(3, 2)
            .Where(entry => entry.Place == MemoryPlace.Device && items.Contains(entry.Item)).Sum(static entry => entry.Bytes);
        static long Graphs(CudaLaneSizes sizes) =>
            sizes.Plan(3, 2).Where(static entry => entry.Item == MemoryItem.Graphs).Sum(static entry => entry.Bytes);
        Assert.All([0, 1, Aligned(1) - 1, Aligned(1)], bytes => Assert.InRange(Aligned(bytes) - bytes, 0, Aligned(1) - 1));
    }

    [Fact]
    public void The_largest_lane_that_options_allow_does_not_overflow()
    {
        CudaLaneSizes sizes = new(256, 256, CudaLaneMemory.Align(int.MaxValue), int.MaxValue, int.MaxValue, int.MaxValue, int.MaxValue);
        Assert.True(sizes.DeviceBytes > 3L * 256 * int.MaxValue);
        Assert.True(sizes.ComputeBytes >= 2L * 256 * int.MaxValue);
        Assert.True(sizes.HostBytes > 256L * int.MaxValue);
    }

    [Theory]
    [InlineData("cuda", "cuda:0", 0)]
    [InlineData("CUDA:3", "cuda:3", 3)]
    public void A_cuda_device_is_read_from_text(string text, string name, int ordinal)
    {
        Device device = Device.Parse(text);
        Assert.Equal((name, true, ordinal), (device.Name, device.IsCuda, device.CudaOrdinal));
        Assert.Equal(Device.Cuda(ordinal), device);
    }

    [Theory]
    [InlineData("cuda:")]
    [InlineData("cuda:-1")]
    [InlineData("cuda: 1")]
    [InlineData("cuda:1a")]
    [InlineData("cuda:99999999999")]
    [InlineData("cuda1")]
    [InlineData("")]
    public void What_names_no_device_is_refused(string text) => Assert.Throws<FormatException>(() => Device.Parse(text));

    [Fact]
    public void A_negative_device_is_refused() => Assert.Throws<ArgumentOutOfRangeException>(() => Device.Cuda(-1));
}
