using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;

namespace YoloZeroCopy.Peers;

/// <summary>Lets ONNX Runtime's managed library load the native one that this library was told to: both ways run the same.</summary>
internal static class RuntimeLibrary
{
    public static void UseThatOfTheLibrary()
    {
        if (Environment.GetEnvironmentVariable("YZC_ONNXRUNTIME") is { Length: > 0 } place)
        {
            string file = Directory.Exists(place) ? Path.Combine(place, "libonnxruntime.so") : place;
            NativeLibrary.SetDllImportResolver(typeof(InferenceSession).Assembly, (name, assembly, path) => Resolve(file, name));
        }
    }

    private static nint Resolve(string file, string name) =>
        name.Contains("onnxruntime", StringComparison.OrdinalIgnoreCase) ? NativeLibrary.Load(file) : 0;
}
