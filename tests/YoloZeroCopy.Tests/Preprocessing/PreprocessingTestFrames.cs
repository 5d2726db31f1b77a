using System.Runtime.InteropServices;

namespace YoloZeroCopy.Tests;

/// <summary>Frames and tensors for the tests of <see cref="CpuPreprocessor"/>.</summary>
internal static class PreprocessingTestFrames
{
    /// <summary>Noise: the hardest frame for a resampler. The same generator is in golden/make_golden.py.</summary>
    public static byte[] Noise(in FrameFormat format, uint seed)
    {
        byte[] frame = new byte[format.ByteCount];
        uint state = seed;
        for (int i = 0; i < frame.Length; i++)
        {
            state = (state * 1664525) + 1013904223;
            frame[i] = (byte)(state >> 24);
        }

        return frame;
    }

    /// <summary>The levels that a Float32 tensor holds; each element must be exactly a whole level / 255.</summary>
    public static byte[] LevelsOf(ReadOnlySpan<byte> tensor)
    {
        ReadOnlySpan<float> elements = MemoryMarshal.Cast<byte, float>(tensor);
        byte[] levels = new byte[elements.Length];
        for (int i = 0; i < elements.Length; i++)
        {
            levels[i] = (byte)Math.Clamp(MathF.Round(elements[i] * 255), 0, 255);
            if (elements[i] != levels[i] / 255f)
            {
                Assert.Fail($"Element {i} is {elements[i]}, which is no level / 255.");
            }
        }

        return levels;
    }

    public static byte[] Run(CpuPreprocessor preprocessor, byte[] frame, in FrameFormat format)
    {
        // Filled with a value that no step writes, so that a forgotten element shows.
        byte[] tensor = new byte[preprocessor.TensorBytes];
        Array.Fill(tensor, (byte)0xFF);
        preprocessor.Run(frame, format, tensor);
        return tensor;
    }

    /// <summary>Folder of this repository's root.</summary>
    public static string RepositoryRoot()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "YoloZeroCopy.sln")))
        {
            folder = folder.Parent;
        }

        return folder?.FullName ?? throw new InvalidOperationException($"No YoloZeroCopy.sln above {AppContext.BaseDirectory}.");
    }
}
