using System.Diagnostics;
using System.Globalization;
using System.Text;
using YoloZeroCopy.Interop;

namespace YoloZeroCopy.Tests;

/// <summary>Structures and constants of the bindings against native/trt/include/yzc_trt.h, as a C compiler sees it.</summary>
public sealed unsafe class TrtLayoutTests : IDisposable
{
    private readonly ModelFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Structures_and_constants_are_those_of_the_header()
    {
        string header = TensorRtAssets.SourceFile("native", "trt", "include", "yzc_trt.h");
        (string Name, long[] Wanted, string[] Fields)[] structures = Structures();
        (string Name, long Value)[] constants = Constants();
        StringBuilder source = new("#include <stddef.h>\n#include <stdio.h>\n#include \"yzc_trt.h\"\nint main(void) {\n");
        foreach ((string name, _, string[] fields) in structures)
        {
            source.Append(CultureInfo.InvariantCulture, $"printf(\"%lld\", (long long)sizeof({name}));\n");
            foreach (string field in fields)
            {
                source.Append(CultureInfo.InvariantCulture, $"printf(\" %lld\", (long long)offsetof({name}, {field}));\n");
            }

            source.Append("puts(\"\");\n");
        }

        foreach ((string name, _) in constants)
        {
            source.Append(CultureInfo.InvariantCulture, $"printf(\"%lld\\n\", (long long){name});\n");
        }

        string[] lines = Run(source.Append("return 0; }\n").ToString(), Path.GetDirectoryName(header)!);
        Assert.Equal(structures.Length + constants.Length, lines.Length);
        for (int index = 0; index < structures.Length; index++)
        {
            Assert.Equal($"{structures[index].Name}: {lines[index]}", $"{structures[index].Name}: {string.Join(' ', structures[index].Wanted)}");
        }

        for (int index = 0; index < constants.Length; index++)
        {
            Assert.Equal($"{constants[index].Name}: {lines[structures.Length + index]}", $"{constants[index].Name}: {constants[index].Value}");
        }
    }

    private static (string, long[], string[])[] Structures()
    {
        TrtLibraryOptions library;
        TrtLibraryInfo info;
        TrtRuntimeOptions runtime;
        TrtEngineInfo engine;
        TrtShape shape;
        TrtTensorInfo tensor;
        TrtBuilderOptions builder;
        TrtIssue issue;
        TrtProfileInput profile;
        return
        [
            ("yzc_trt_library_options", Offsets(
                &library, sizeof(TrtLibraryOptions), &library.StructSize, &library.PathCount, &library.Paths, &library.ParserPath, &library.Log,
                &library.LogUser,
                &library.LogSeverity, &library.Reserved),
                    ["struct_size", "path_count", "paths", "parser_path", "log", "log_user", "log_severity", "reserved"]),
            ("yzc_trt_library_info", Offsets(
                &info, sizeof(TrtLibraryInfo), &info.StructSize, &info.Flavour, &info.Major, &info.Minor, &info.Patch, &info.Build, &info.CanBuild,
                &info.Headers, &info.Path),
                ["struct_size", "flavour", "major", "minor", "patch", "build", "can_build", "headers", "path"]),
            ("yzc_trt_runtime_options",
                Offsets(&runtime, sizeof(TrtRuntimeOptions), &runtime.StructSize, &runtime.HostCodeAllowed, &runtime.Allocator),
                ["struct_size", "host_code_allowed", "allocator"]),
            ("yzc_trt_engine_info", Offsets(
                &engine, sizeof(TrtEngineInfo), &engine.StructSize, &engine.TensorCount, &engine.ProfileCount, &engine.LayerCount,
                &engine.HardwareCompatibility,
                &engine.AuxiliaryStreams, &engine.DeviceMemory, &engine.Name),
                ["struct_size", "tensor_count", "profile_count", "layer_count", "hardware_compatibility", "auxiliary_streams", "device_memory",
                    "name"]),
            ("yzc_trt_shape", Offsets(&shape, sizeof(TrtShape), &shape.Rank, &shape.Reserved, &shape.Dimensions), ["rank", "reserved", "dims"]),
            ("yzc_trt_tensor_info", Offsets(
                &tensor, sizeof(TrtTensorInfo), &tensor.StructSize, &tensor.Mode, &tensor.Type, &tensor.OnHost, &tensor.IsShape, &tensor.Format,
                &tensor.VectorizedDimension,
                &tensor.Components, &tensor.Shape, &tensor.Name, &tensor.FormatText),
                ["struct_size", "mode", "type", "on_host", "is_shape", "format", "vectorized_dim", "components", "shape", "name", "format_text"]),
            ("yzc_trt_builder_options", Offsets(
                &builder, sizeof(TrtBuilderOptions), &builder.StructSize, &builder.Flags, &builder.Workspace, &builder.OptimizationLevel,
                &builder.HardwareCompatibility,
                &builder.AuxiliaryStreams, &builder.Reserved, &builder.TimingCache, &builder.TimingCacheLength, &builder.Progress,
                    &builder.ProgressUser, &builder.Allocator),
                ["struct_size", "flags", "workspace", "optimization_level", "hardware_compatibility", "auxiliary_streams", "reserved", "timing_cache",
                    "timing_cache_length", "progress", "progress_user",
                    "allocator"]),
            ("yzc_trt_issue", Offsets(
                &issue, sizeof(TrtIssue), &issue.StructSize, &issue.Code, &issue.Node, &issue.Line, &issue.NodeName, &issue.NodeOperation,
                &issue.Description, &issue.File,
                &issue.Function), ["struct_size", "code", "node", "line", "node_name", "node_op", "description", "file", "function"]),
            ("yzc_trt_profile_input", Offsets(
                &profile, sizeof(TrtProfileInput), &profile.StructSize, &profile.Reserved, &profile.Name, &profile.Min, &profile.Opt, &profile.Max),
                ["struct_size", "reserved", "name", "min", "opt", "max"]),
        ];
    }

    private static (string, long)[] Constants() =>
    [
        ("YZC_TRT_ABI_VERSION", TrtApi.AbiVersion), ("YZC_TRT_MAX_RANK", TrtDimensions.MaxRank),
        .. Named<TrtStatus>("YZC_TRT_E_", ("Ok", "YZC_TRT_OK"), ("NotTensorRt", "YZC_TRT_E_NOT_TENSORRT")),
        .. Named<TrtSeverity>("YZC_TRT_SEVERITY_"), .. Named<TrtFlavour>("YZC_TRT_FLAVOUR_"), .. Named<TrtMode>("YZC_TRT_MODE_"),
            .. Named<TrtSelect>("YZC_TRT_SELECT_"),
        .. Named<TrtType>("YZC_TRT_TYPE_", ("UInt8", "YZC_TRT_TYPE_UINT8"), ("BFloat16", "YZC_TRT_TYPE_BF16"), ("E8M0", "YZC_TRT_TYPE_E8M0")),
        .. Named<TrtProgressKind>("YZC_TRT_PROGRESS_"), .. Named<TrtBuildFlags>("YZC_TRT_BUILD_", ("None", "0")),
        ("YZC_TRT_HARDWARE_NONE", (long)TensorRtHardware.ThisKind), ("YZC_TRT_HARDWARE_AMPERE_PLUS", (long)TensorRtHardware.AmperePlus),
        ("YZC_TRT_HARDWARE_SAME_COMPUTE_CAPABILITY", (long)TensorRtHardware.SameComputeCapability),
    ];

    // WrongMajor is WRONG_MAJOR; where that is not so, it is listed.
    private static IEnumerable<(string, long)> Named<T>(string prefix, params (string Name, string Native)[] others)
        where T : struct, Enum
    {
        foreach (T value in Enum.GetValues<T>())
        {
            string name = value.ToString();
            string words = string.Concat(
                name.Select(static (letter, index) => index > 0 && char.IsUpper(letter) ? $"_{letter}" : $"{char.ToUpperInvariant(letter)}"));
            yield return (
                others.FirstOrDefault(other => other.Name == name).Native ?? prefix + words, Convert.ToInt64(value, CultureInfo.InvariantCulture));
        }
    }

    private static long[] Offsets(void* start, int size, params void*[] fields)
    {
        long[] offsets = new long[fields.Length + 1];
        offsets[0] = size;
        for (int index = 0; index < fields.Length; index++)
        {
            offsets[index + 1] = (byte*)fields[index] - (byte*)start;
        }

        return offsets;
    }

    private string[] Run(string source, string include)
    {
        string file = folder.File("layout.c");
        string program = folder.File("layout");
        File.WriteAllText(file, source);
        try
        {
            using Process compiler = Process.Start(
                new ProcessStartInfo("gcc", ["-std=c11", "-Wall", "-Werror", "-I", include, file, "-o", program]) { RedirectStandardError = true })!;
            string errors = compiler.StandardError.ReadToEnd();
            compiler.WaitForExit();
            Assert.True(compiler.ExitCode == 0, errors);
        }
        catch (System.ComponentModel.Win32Exception)
        {
            throw Xunit.Sdk.SkipException.ForSkip("No gcc is on the path.");
        }

        using Process process = Process.Start(new ProcessStartInfo(program) { RedirectStandardOutput = true })!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }
}
