using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;
using YoloZeroCopy.Cuda.Interop;

namespace YoloZeroCopy.Cuda.Tests;

/// <summary>
/// Sizes, offsets and constants against what a C compiler says: of our own declarations, and of the real header where it is installed.
/// </summary>
[Collection(CudaTests.Name)]
public class LayoutTests(CompiledSources sources)
{
    private const string Header = "/usr/local/cuda/include/cuda.h";

    [Fact]
    public void Structs_and_constants_are_those_of_the_declarations() => Check(sources.Compile("layout/layout.c"));

    [Fact]
    public void Structs_constants_and_prototypes_are_those_of_the_real_header()
    {
        Assert.SkipUnless(File.Exists(Header), $"{Header} is not there: the CUDA toolkit is not installed.");
        Check(sources.Compile("layout/layout.c", "-DYZC_REAL_CUDA_H", "-I", Path.GetDirectoryName(Header)!));
    }

    private static void Check(string program)
    {
        using Process process = Process.Start(new ProcessStartInfo(program) { RedirectStandardOutput = true })!;
        string[] lines = process.StandardOutput.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        process.WaitForExit();
        Assert.True(lines.Length > 145, $"Only {lines.Length} lines were printed.");
        Dictionary<string, long> constants = Constants();
        HashSet<string> seen = [];
        foreach (string line in lines)
        {
            string[] words = line.Split(' ');
            long wanted = long.Parse(words[2], CultureInfo.InvariantCulture);
            long actual = words[0] switch
            {
                "sizeof" => Size(words[1]),
                "offsetof" => (long)Marshal.OffsetOf(Struct(words[1].Split('.')[0]), words[1].Split('.')[1]),
                _ => constants[words[1]],
            };
            Assert.True(wanted == actual, $"{line}; here it is {actual}.");
            _ = seen.Add(words[1]);
        }

        // Nothing is mirrored that C does not print.
        string[] unprinted = [.. constants.Keys.Except(seen)];
        Assert.Empty(unprinted);
        foreach (Type type in Structs())
        {
            string[] fields =
            [
                .. type.GetFields(BindingFlags.Public | BindingFlags.Instance).Select(field => $"{type.Name}.{field.Name}").Except(seen)
                    .Where(name => !name.EndsWith("Handle.reserved", StringComparison.Ordinal) && name != "CUuuid.bytes"),
            ];
            Assert.Empty(fields);
        }
    }

    private static long Size(string name) => (long)typeof(LayoutTests).GetMethod(nameof(SizeOf), BindingFlags.NonPublic | BindingFlags.Static)!
        .MakeGenericMethod(Struct(name)).Invoke(null, null)!;

    private static unsafe long SizeOf<T>()
        where T : unmanaged => sizeof(T);

    private static Type[] Structs() =>
    [
        typeof(CUmemLocation), typeof(CUmemPoolProps), typeof(CUipcMemHandle), typeof(CUipcEventHandle), typeof(CUuuid),
    ];

    private static Type Struct(string name) => name == nameof(CUdeviceptr) ? typeof(CUdeviceptr) : Structs().Single(type => type.Name == name);

    /// <summary>Every constant that the bindings use, by its name in C.</summary>
    private static Dictionary<string, long> Constants()
    {
        Dictionary<string, long> all = [];
        void AddEnum<T>(string prefix, params (string Name, string InC)[] names)
            where T : struct, Enum
        {
            foreach (T value in Enum.GetValues<T>())
            {
                string name = value.ToString();
                string inC = names.FirstOrDefault(pair => pair.Name == name).InC ?? prefix + Snake(name);
                if (inC.Length > 0)
                {
                    all.Add(inC, Convert.ToInt64(value, CultureInfo.InvariantCulture));
                }
            }
        }

        void AddRaw<T>()
            where T : struct, Enum
        {
            foreach (T value in Enum.GetValues<T>())
            {
                all.Add(value.ToString(), Convert.ToInt64(value, CultureInfo.InvariantCulture));
            }
        }

        AddRaw<CUresult>();
        AddRaw<CUmem_advise>();
        AddRaw<CUmemLocationType>();
        AddRaw<CUmemAllocationType>();
        AddRaw<CUmemAllocationHandleType>();
        AddRaw<CUmemPool_attribute>();
        AddRaw<CUjit_option>();
        AddRaw<CUpointer_attribute>();
        AddRaw<CUstreamCaptureMode>();
        AddEnum<CudaDeviceAttribute>(
            "CU_DEVICE_ATTRIBUTE_",
            ("L2CacheSize", "CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE"),
            ("MaxSharedMemoryPerBlockOptIn", "CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN"));
        AddEnum<CudaKernelAttribute>(
            "CU_FUNC_ATTRIBUTE_",
            ("SharedBytes", "CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES"),
            ("ConstantBytes", "CU_FUNC_ATTRIBUTE_CONST_SIZE_BYTES"),
            ("LocalBytes", "CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES"),
            ("Registers", "CU_FUNC_ATTRIBUTE_NUM_REGS"),
            ("MaxDynamicSharedBytes", "CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES"),
            ("PreferredSharedCarveout", "CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT"));
        AddEnum<CudaGraphOptions>("CUDA_GRAPH_INSTANTIATE_FLAG_", ("None", ""));
        AddEnum<CudaPointerKind>("CU_MEMORYTYPE_", ("Unknown", ""), ("Managed", "CU_MEMORYTYPE_UNIFIED"));
        AddEnum<CudaCaptureStatus>("CU_STREAM_CAPTURE_STATUS_");
        AddEnum<CudaSchedule>("CU_CTX_SCHED_");
        foreach (FieldInfo field in typeof(CudaFlags).GetFields())
        {
            all.Add(field.Name, Convert.ToInt64(field.GetRawConstantValue(), CultureInfo.InvariantCulture));
        }

        return all;
    }

    private static string Snake(string name) => string.Concat(
        name.Select((letter, i) => i > 0 && char.IsUpper(letter) ? $"_{letter}" : $"{char.ToUpperInvariant(letter)}"));
}
