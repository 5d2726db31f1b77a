namespace YoloZeroCopy;

/// <summary>The kernels as PTX text, built from native/kernels and embedded. Any driver from CUDA 11.8 on compiles it for its GPU, from compute
/// capability 7.5 on.</summary>
internal static class KernelSource
{
    /// <summary>The module that holds one kernel and nothing else; its text is NUL-terminated as the driver wants it.</summary>
    /// <param name="kernel">Name of the kernel.</param>
    /// <exception cref="ArgumentException">There is no such kernel.</exception>
    public static byte[] Of(string kernel)
    {
        using Stream stream = typeof(KernelSource).Assembly.GetManifestResourceStream($"{kernel}.ptx")
            ?? throw new ArgumentException($"The library has no kernel {kernel}.", nameof(kernel));
        byte[] text = new byte[stream.Length + 1];
        stream.ReadExactly(text, 0, text.Length - 1);
        return text;
    }
}
