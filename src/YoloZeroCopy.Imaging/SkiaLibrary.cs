using SkiaSharp;

namespace YoloZeroCopy;

/// <summary>The native library of Skia, which comes with the application.</summary>
internal static class SkiaLibrary
{
    // Loaded when it is asked for the first time; what went wrong then stays so.
    private static readonly Lazy<Exception?> Failure = new(Load);

    /// <exception cref="NativeLibraryException">The library is not there or cannot be loaded.</exception>
    public static void ThrowIfMissing()
    {
        if (Failure.Value is Exception error)
        {
            const string Advice = "Publish it with the application: SkiaSharp.NativeAssets.Linux.NoDependencies, .Win32 and .macOS hold it.";
            throw new NativeLibraryException("libSkiaSharp", $"cannot be loaded: {(error.InnerException ?? error).Message} {Advice}", error);
        }
    }

    private static Exception? Load()
    {
        try
        {
            _ = SkiaSharpVersion.Native;
            return null;
        }
        catch (Exception error) when (
            error is DllNotFoundException or TypeInitializationException or EntryPointNotFoundException or BadImageFormatException)
        {
            return error;
        }
    }
}
