using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace YoloZeroCopy.Tests;

/// <summary>The C# structs and numbers against those that a C++ compiler gives for the header the kernels are built from.</summary>
public sealed class KernelLayoutTests
{
    [Fact]
    public void Structs_and_limits_are_those_of_the_native_header()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("yzc-layout-");
        try
        {
            string program = Path.Combine(folder.FullName, "layout");
            _ = NativeProgram.Run(
                NativeProgram.Compiler(), "-std=c++17", "-Wall", "-Wextra", "-Werror", NativeProgram.Source("layout.cpp"), "-o", program);
            string[] native = NativeProgram.Run(program).Split('\n', StringSplitOptions.RemoveEmptyEntries);
            Assert.Equal(Lines(), native);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static IEnumerable<string> Lines()
    {
        List<string> lines = [];
        Describe<KernelPicture>(lines, "yzc_picture");
        Describe<PreprocessParameters>(lines, "yzc_preprocess_params");
        Describe<DecodeParameters>(lines, "yzc_decode_params");
        Describe<KernelHeadLevel>(lines, "yzc_head_level");
        Describe<HeadParameters>(lines, "yzc_head_params");
        Describe<SiluParameters>(lines, "yzc_silu_params");
        Describe<LayerParameters>(lines, "yzc_layer_params");
        Describe<KernelResultHeader>(lines, "yzc_result_header");
        Describe<Detection>(lines, "yzc_detection");
        foreach ((string name, int value) in new (string, int)[]
        {
            ("YZC_BGR24", (int)PixelFormat.Bgr24), ("YZC_NV12", (int)PixelFormat.Nv12),
            ("YZC_BAYER_RGGB8", (int)PixelFormat.BayerRggb8), ("YZC_BAYER_GBRG8", (int)PixelFormat.BayerGbrg8),
            ("YZC_P010", (int)PixelFormat.P010), ("YZC_BGR_PLANAR", (int)PixelFormat.BgrPlanar), ("YZC_RGB_PLANAR", (int)PixelFormat.RgbPlanar),
            ("YZC_CLASS_AGNOSTIC", (int)DecodeFlags.ClassAgnostic), ("YZC_END_TO_END", (int)DecodeFlags.EndToEnd),
            ("YZC_SOME_CLASSES", (int)DecodeFlags.SomeClasses),
            ("YZC_NOT_FINITE", (int)KernelDecodeStatus.NotFinite), ("YZC_UNKNOWN_CLASS", (int)KernelDecodeStatus.UnknownClass),
            ("YZC_MAX_CANDIDATES", DecodeKernels.CandidateLimit), ("YZC_MAX_DETECTIONS", DecodeKernels.DetectionLimit),
            ("YZC_MAX_ANCHORS", DecodeKernels.AnchorLimit), ("YZC_MAX_CLASSES", DecodeKernels.ClassLimit),
            ("YZC_MAX_LEVELS", DecodeKernels.LevelLimit), ("YZC_MAX_ANCHOR_BOXES", DecodeKernels.AnchorBoxLimit),
            ("YZC_PREPROCESS_ROWS", PreprocessKernel.Rows), ("YZC_PREPROCESS_PIXELS", PreprocessKernel.Pixels),
                ("YZC_PREPROCESS_THREADS", PreprocessKernel.Threads),
            ("YZC_SCAN_THREADS", DecodeKernels.ScanThreads), ("YZC_SCAN_ROWS", DecodeKernels.ScanRows),
                ("YZC_SUPPRESS_THREADS", DecodeKernels.SuppressThreads),
            ("YZC_SILU_THREADS", SiluKernel.Threads), ("YZC_SILU_VECTORS", SiluKernel.Vectors),
            ("YZC_STEM_COLUMNS", LayerKernels.StemColumns), ("YZC_STEM_ROWS", LayerKernels.StemRows), ("YZC_STEM_THREADS", LayerKernels.StemThreads),
            ("YZC_BEST_THREADS", LayerKernels.BestThreads), ("YZC_BEST_CELLS", LayerKernels.BestCells),
            ("YZC_LAYER_THREADS", LayerKernels.Threads), ("YZC_POOL_TILE", LayerKernels.PoolTile),
            ("YZC_DEPTHWISE_STRIP", LayerKernels.DepthwiseStrip), ("YZC_DEPTHWISE_PAIR", LayerKernels.DepthwisePair),
            ("YZC_ATTENTION_THREADS", LayerKernels.AttentionThreads), ("YZC_ATTENTION_QUERIES", LayerKernels.AttentionQueries),
            ("YZC_ATTENTION_VECTORS", LayerKernels.AttentionVectors),
            ("YZC_SILU", (int)LayerOptions.Silu), ("YZC_ADD", (int)LayerOptions.Add), ("YZC_MEAN", (int)LayerOptions.Mean),
        })
        {
            lines.Add($"{name} {value}");
        }

        foreach ((OutputLayout layout, int anchors, TensorElementType type) in new[]
        {
            (OutputLayout.ChannelsFirst, 1, TensorElementType.Float16), (OutputLayout.ChannelsFirst, 8400, TensorElementType.Float16),
            (OutputLayout.ChannelsFirst, 8400, TensorElementType.Float32), (OutputLayout.AnchorsFirst, 25200, TensorElementType.Float32),
            (OutputLayout.ChannelsFirst, 1376256, TensorElementType.Float32), (OutputLayout.EndToEnd, 300, TensorElementType.Float16),
        })
        {
            DecodeKernels kernels = new(layout, anchors, 1, type, new DecodingOptions());
            lines.Add(string.Create(
                CultureInfo.InvariantCulture, $"scratch {anchors} {kernels.ParametersFor(0, 0, 0, 0).SegmentAnchors} {kernels.ScratchBytes}"));
        }

        return lines;
    }

    /// <summary>Lines of a struct's fields in the order of memory, with the native names: an unlike order or type shifts an offset.</summary>
    private static void Describe<T>(List<string> lines, string native)
        where T : unmanaged
    {
        lines.Add($"sizeof {native} {Unsafe.SizeOf<T>()}");
        DescribeFields(lines, native, typeof(T), begin: 0);
    }

    /// <summary>The fields of a struct that begins somewhere in the native one. A struct within it stands for its fields.</summary>
    private static void DescribeFields(List<string> lines, string native, Type type, int begin)
    {
        foreach (System.Reflection.FieldInfo field in type
            .GetFields(System.Reflection.BindingFlags.Instance | System.Reflection.BindingFlags.NonPublic | System.Reflection.BindingFlags.Public)
            .OrderBy(field => field.MetadataToken))
        {
            int offset = begin + (int)Marshal.OffsetOf(type, field.Name);
            if (field.FieldType == typeof(YuvCoefficients))
            {
                DescribeFields(lines, native, field.FieldType, offset);
                continue;
            }

            string name = field.Name.TrimStart('<').Split('>')[0];
            string snake = string.Concat(name.Select((c, i) => char.IsUpper(c) ? (i == 0 ? "" : "_") + char.ToLowerInvariant(c) : c.ToString()));
            lines.Add($"{native}.{snake} {offset}");
        }
    }
}
