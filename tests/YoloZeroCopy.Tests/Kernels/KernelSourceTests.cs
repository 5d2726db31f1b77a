using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace YoloZeroCopy.Tests;

/// <summary>The embedded PTX: what a driver must find in it before any kernel can run.</summary>
public class KernelSourceTests
{
    [Fact]
    public void Holds_every_kernel_for_old_drivers_and_gpus()
    {
        string preprocess = Text(KernelSource.Preprocess());
        string decode = Text(KernelSource.Decode());
        foreach (TensorElementType elementType in Enum.GetValues<TensorElementType>())
        {
            Assert.Contains($".visible .entry {PreprocessKernel.NameOf(elementType)}(", preprocess, StringComparison.Ordinal);
        }

        string last = PreprocessKernel.NameOf(TensorElementType.Float32, InputLayout.ChannelsLast4);
        Assert.Contains($".visible .entry {last}(", preprocess, StringComparison.Ordinal);
        DetectionHead head = DetectionHeadTests.ForInput(64, 32, bins: 16, classCount: 3) with
        {
            ElementType = TensorElementType.Float16,
            IsChannelsLast = true,
        };
        Assert.Contains($".visible .entry {new DecodeKernels(head, new DecodingOptions()).ScanName}(", decode, StringComparison.Ordinal);
        DecodeKernels ofPairs = new(head with { Layout = OutputLayout.EndToEnd, Kept = 10 }, new DecodingOptions());
        Assert.Contains($".visible .entry {ofPairs.RankName}(", decode, StringComparison.Ordinal);
        DecodeKernels ofBoxes = new(
            DetectionHeadTests.OfAnchorBoxes(64, 32, boxes: 3, classCount: 3) with { ElementType = TensorElementType.Float16, IsChannelsLast = true },
            new DecodingOptions());
        Assert.Contains($".visible .entry {ofBoxes.ScanName}(", decode, StringComparison.Ordinal);
        foreach (OutputLayout layout in Enum.GetValues<OutputLayout>())
        {
            foreach (TensorElementType elementType in (TensorElementType[])[TensorElementType.Float32, TensorElementType.Float16])
            {
                DecodeKernels kernels = new(layout, 100, 3, elementType, new DecodingOptions());
                Assert.Contains($".visible .entry {kernels.ScanName}(", decode, StringComparison.Ordinal);
                Assert.Contains($".visible .entry {kernels.RankName}(", decode, StringComparison.Ordinal);
            }
        }

        string activation = Text(KernelSource.Activation());
        Assert.Contains($".visible .entry {SiluKernel.NameOf(TensorElementType.Float32)}(", activation, StringComparison.Ordinal);
        Assert.Contains($".visible .entry {SiluKernel.NameOf(TensorElementType.Float16)}(", activation, StringComparison.Ordinal);
        string layers = Text(KernelSource.Layers());
        Assert.All(LayerKernels.Names, name => Assert.Contains($".visible .entry {name}(", layers, StringComparison.Ordinal));
        foreach (string text in (string[])[preprocess, decode, activation, layers])
        {
            // PTX ISA 7.8 is CUDA 11.8's.
            double version = double.Parse(Regex.Match(text, @"\.version (\d+\.\d+)").Groups[1].Value, CultureInfo.InvariantCulture);
            Assert.InRange(version, 6.3, 7.8);
            Assert.Contains(".target sm_75\n", text, StringComparison.Ordinal);
            Assert.DoesNotContain(".extern", text, StringComparison.Ordinal);
        }
    }

    private static string Text(byte[] source)
    {
        Assert.Equal(source.Length - 1, Array.IndexOf(source, (byte)0));
        return Encoding.ASCII.GetString(source, 0, source.Length - 1);
    }
}
