namespace YoloZeroCopy;

/// <summary>The kernels as PTX text, built from native/kernels and embedded. Any driver from CUDA 11.8 on compiles it for its GPU, from compute
/// capability 7.5 on.</summary>
/// <remarks>Loaded once per context, when a lane's device is opened: reading copies the text.</remarks>
internal static class KernelSource
{
    /// <summary>The text, NUL-terminated as the driver wants it, with the kernels that <see cref="PreprocessKernel"/> names.</summary>
    public static byte[] Preprocess() => Read("yzc.preprocess.ptx");

    /// <summary>Likewise, with the kernels that <see cref="DecodeKernels"/> names.</summary>
    public static byte[] Decode() => Read("yzc.decode.ptx");

    /// <summary>Likewise, with the kernels that <see cref="SiluKernel"/> names.</summary>
    public static byte[] Activation() => Read("yzc.activation.ptx");

    /// <summary>Likewise, with the kernels that <see cref="LayerKernels"/> names.</summary>
    public static byte[] Layers() => Read("yzc.layers.ptx");

    private static byte[] Read(string name)
    {
        using Stream stream = typeof(KernelSource).Assembly.GetManifestResourceStream(name)
            ?? throw new InvalidOperationException($"The library was built without its kernels: there is no resource {name}.");
        byte[] text = new byte[stream.Length + 1];
        stream.ReadExactly(text, 0, text.Length - 1);
        return text;
    }
}
