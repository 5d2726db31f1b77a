using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;
using YoloZeroCopy.Cuda.Interop;

namespace YoloZeroCopy.Cuda.Tests;

/// <summary>Sizes, offsets and constants of the video structs against what a C compiler says of NVIDIA's headers.</summary>
[Collection(CudaTests.Name)]
public class VideoLayoutTests(CompiledSources sources)
{
    private static readonly Type[] Structs =
    [
        typeof(CUVIDDECODECAPS), typeof(CUVIDDECODECREATEINFO), typeof(CUVIDRECONFIGUREDECODERINFO), typeof(CUVIDPICPARAMS), typeof(CUVIDPROCPARAMS),
        typeof(CUVIDGETDECODESTATUS), typeof(CUVIDEOFORMAT), typeof(CUVIDSOURCEDATAPACKET), typeof(CUVIDPARSERDISPINFO), typeof(CUVIDPARSERPARAMS),
    ];

    [Fact]
    public void Structs_and_constants_are_those_of_the_headers()
    {
        using Process process =
            Process.Start(new ProcessStartInfo(sources.Compile("nvcuvid_double/video_layout.c")) { RedirectStandardOutput = true })!;
        string[] lines = process.StandardOutput.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        process.WaitForExit();
        Dictionary<string, long> constants = Constants();
        HashSet<string> seen = [];
        foreach (string line in lines)
        {
            string[] words = line.Split(' ');
            string[] name = words[1].Split('.');
            long actual = words[0] switch
            {
                "sizeof" => SizeOf(Struct(name[0])),
                "offsetof" => (long)Marshal.OffsetOf(Struct(name[0]), name[1]),
                _ => constants[name[0]],
            };
            Assert.True(long.Parse(words[2], CultureInfo.InvariantCulture) == actual, $"{line}; here it is {actual}.");
            _ = seen.Add(words[1]);
        }

        // Nothing is mirrored that C does not print.
        Assert.Empty(constants.Keys.Except(seen));
        Assert.Empty(
            Structs.SelectMany(type => type.GetFields(BindingFlags.Public | BindingFlags.Instance).Select(field => $"{type.Name}.{field.Name}"))
            .Except(seen));
    }

    private static Type Struct(string name) => Structs.Single(type => type.Name == name);

    private static long SizeOf(Type type) =>
        (long)typeof(VideoLayoutTests).GetMethod(nameof(SizeOfStruct), BindingFlags.NonPublic | BindingFlags.Static)!
        .MakeGenericMethod(type).Invoke(null, null)!;

    private static unsafe long SizeOfStruct<T>()
        where T : unmanaged => sizeof(T);

    /// <summary>Every constant that the bindings use, by its name in C.</summary>
    private static Dictionary<string, long> Constants()
    {
        Dictionary<string, long> all = new()
        {
            ["cudaVideoCodec_H264"] = (long)CudaVideoCodec.H264,
            ["cudaVideoCodec_HEVC"] = (long)CudaVideoCodec.Hevc,
            ["cudaVideoCodec_AV1"] = (long)CudaVideoCodec.Av1,
        };
        Assert.Equal(all.Count, Enum.GetValues<CudaVideoCodec>().Length);
        void Add<T>()
            where T : struct, Enum
        {
            foreach (T value in Enum.GetValues<T>())
            {
                all.Add(value.ToString(), Convert.ToInt64(value, CultureInfo.InvariantCulture));
            }
        }

        Add<cudaVideoChromaFormat>();
        Add<cudaVideoSurfaceFormat>();
        Add<cuvidDecodeStatus>();
        foreach (FieldInfo field in typeof(VideoFlags).GetFields())
        {
            all.Add(field.Name, (uint)field.GetRawConstantValue()!);
        }

        return all;
    }
}
