using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace YoloZeroCopy.Tests;

/// <summary>The embedded PTX: what a driver must find in it before any kernel can run.</summary>
public class KernelSourceTests
{
    // Every name that the library asks for.
    private static IEnumerable<string> Names()
    {
        foreach (TensorElementType elementType in Enum.GetValues<TensorElementType>())
        {
            yield return PreprocessKernel.NameOf(elementType);
        }

        yield return PreprocessKernel.NameOf(TensorElementType.Float32, InputLayout.ChannelsLast4);
        DecodingOptions options = new();
        DetectionHead head = DetectionHeadTests.ForInput(64, 32, bins: 16, classCount: 3) with
        {
            ElementType = TensorElementType.Float16,
            IsChannelsLast = true,
        };
        yield return new DecodeKernels(head, options).ScanName;
        yield return new DecodeKernels(head, options, hasBestLogits: true).ScanName;
        yield return new DecodeKernels(head with { Layout = OutputLayout.EndToEnd, Kept = 10 }, options).RankName;
        DetectionHead ofBoxes = DetectionHeadTests.OfAnchorBoxes(64, 32, boxes: 3, classCount: 3);
        yield return new DecodeKernels(ofBoxes with { ElementType = TensorElementType.Float16, IsChannelsLast = true }, options).ScanName;
        foreach (OutputLayout layout in Enum.GetValues<OutputLayout>())
        {
            foreach (TensorElementType elementType in (TensorElementType[])[TensorElementType.Float32, TensorElementType.Float16])
            {
                DecodeKernels kernels = new(layout, 100, 3, elementType, options);
                yield return kernels.ScanName;
                yield return kernels.RankName;
            }
        }

        yield return SiluKernel.NameOf(TensorElementType.Float32);
        yield return SiluKernel.NameOf(TensorElementType.Float16);
        foreach (string name in LayerKernels.Names)
        {
            yield return name;
        }
    }

    [Fact]
    public void Every_kernel_is_a_module_of_its_own_for_old_drivers_and_gpus()
    {
        string[] names = [.. Names().Distinct()];
        Assert.All(names, static name =>
        {
            byte[] source = KernelSource.Of(name);
            Assert.Equal(source.Length - 1, Array.IndexOf(source, (byte)0));
            string text = Encoding.ASCII.GetString(source, 0, source.Length - 1);

            // The driver compiles all that a module holds.
            Assert.Equal([name], Regex.Matches(text, @"\.entry (\w+)\(").Select(static entry => entry.Groups[1].Value));
            Assert.DoesNotMatch(@"\.func\b", text);

            // PTX ISA 7.8 is CUDA 11.8's.
            double version = double.Parse(Regex.Match(text, @"\.version (\d+\.\d+)").Groups[1].Value, CultureInfo.InvariantCulture);
            Assert.InRange(version, 6.3, 7.8);
            Assert.Contains(".target sm_75\n", text, StringComparison.Ordinal);
            Assert.DoesNotContain(".extern", text, StringComparison.Ordinal);
        });

        // None is carried along that nobody asks for.
        Assert.Equal(
            names.Order(StringComparer.Ordinal),
            typeof(KernelSource).Assembly.GetManifestResourceNames().Where(static resource => resource.EndsWith(".ptx", StringComparison.Ordinal))
                .Select(Path.GetFileNameWithoutExtension).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_kernel_that_is_none_is_named()
    {
        ArgumentException error = Assert.Throws<ArgumentException>(static () => KernelSource.Of("yzc_nothing"));
        Assert.Contains("yzc_nothing", error.Message, StringComparison.Ordinal);
    }
}
