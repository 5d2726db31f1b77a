namespace YoloZeroCopy.Tests;

public sealed class SiluKernelTests
{
    [Theory]
    [InlineData(TensorElementType.Float16, 1, 1)]
    [InlineData(TensorElementType.Float16, 4096, 1)]
    [InlineData(TensorElementType.Float16, 4097, 2)]
    [InlineData(TensorElementType.Float32, 2048, 1)]
    [InlineData(TensorElementType.Float32, 2049, 2)]
    public void A_block_takes_two_vectors_a_thread(TensorElementType type, long elements, int blocks) =>
        Assert.Equal(new KernelGrid(blocks, 1, 1, 256), SiluKernel.GridOf(type, elements));

    [Fact]
    public void Refuses_what_no_grid_holds()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => SiluKernel.GridOf(TensorElementType.Float16, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => SiluKernel.GridOf(TensorElementType.Float32, long.MaxValue));
        Assert.Throws<ArgumentOutOfRangeException>(() => SiluKernel.NameOf(TensorElementType.UInt8));
    }
}
