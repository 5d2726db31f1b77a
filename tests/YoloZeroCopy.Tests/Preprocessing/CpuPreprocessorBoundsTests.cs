using System.Runtime.InteropServices;

namespace YoloZeroCopy.Tests;

/// <summary>Frames and tensors that touch memory which cannot be read: a single byte too far ends the process.</summary>
public sealed unsafe partial class CpuPreprocessorBoundsTests
{
    private const int Page = 4096;
    private const int PagesInside = 40;

    [Fact]
    public void Touches_nothing_outside_the_frame_and_the_tensor()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Guard pages are made with Linux's mmap.");
        byte* frameMemory = MapGuarded();
        byte* tensorMemory = MapGuarded();
        try
        {
            int runs = 0;
            foreach (SimdLevel level in Enum.GetValues<SimdLevel>())
            {
                foreach (TensorElementType elementType in Enum.GetValues<TensorElementType>())
                {
                    CpuPreprocessor preprocessor = new(75, 61, elementType, level);
                    foreach (PixelFormat pixelFormat in Enum.GetValues<PixelFormat>())
                    {
                        foreach ((int width, int height, int extra) in new[] { (1, 1, 0), (2, 3, 0), (33, 19, 5), (75, 61, 0), (131, 97, 0),
                            (144, 60, 16) })
                        {
                            FrameFormat format = CpuPreprocessorTests.WithExtra(pixelFormat, width, height, extra);
                            RunAt(preprocessor, format, frameMemory, tensorMemory);
                            RunAt(
                                preprocessor,
                                format,
                                frameMemory + (PagesInside * Page) - format.ByteCount,
                                tensorMemory + (PagesInside * Page) - preprocessor.TensorBytes);
                            runs++;
                        }
                    }
                }
            }

            Assert.Equal(4 * 3 * 13 * 6, runs);
        }
        finally
        {
            Unmap(frameMemory);
            Unmap(tensorMemory);
        }
    }

    private static void RunAt(CpuPreprocessor preprocessor, in FrameFormat format, byte* frame, byte* tensor) =>
        preprocessor.Run(new ReadOnlySpan<byte>(frame, format.ByteCount), format, new Span<byte>(tensor, preprocessor.TensorBytes));

    private static byte* MapGuarded()
    {
        const int none = 0;
        const int readWrite = 3;
        const int privateAnonymous = 0x22;
        nint mapped = Map(0, (PagesInside + 2) * Page, none, privateAnonymous, -1, 0);
        Assert.NotEqual(-1, mapped);
        Assert.Equal(0, Protect(mapped + Page, PagesInside * Page, readWrite));
        return (byte*)mapped + Page;
    }

    private static void Unmap(byte* inside) => Assert.Equal(0, Unmap((nint)inside - Page, (PagesInside + 2) * Page));

    [LibraryImport("libc", EntryPoint = "mmap")]
    private static partial nint Map(nint address, nint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "mprotect")]
    private static partial int Protect(nint address, nint length, int protection);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Unmap(nint address, nint length);
}
