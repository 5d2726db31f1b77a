using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace YoloZeroCopy;

/// <summary>Interleaves rows of a frame of three planes, in the planes' order, with a fourth, unused byte a pixel.</summary>
internal unsafe struct PlanarRowReader(byte* frame, in FrameFormat format, SimdLevel level) : IRowReader
{
    private readonly byte* frame = frame;
    private readonly nint planeBytes = (nint)format.Height * format.Stride;
    private readonly int width = format.Width;
    private readonly int stride = format.Stride;
    private readonly SimdLevel level = level;

    public byte* Read(int y, byte* buffer)
    {
        byte* first = frame + ((nint)y * stride);
        byte* second = first + planeBytes;
        byte* third = second + planeBytes;
        int x = 0;
        if (level >= SimdLevel.Vector256 && Avx2.IsSupported)
        {
            for (; x <= width - 32; x += 32)
            {
                SimdMath.StoreRgbx(buffer + (4 * x), Vector256.Load(first + x), Vector256.Load(second + x), Vector256.Load(third + x));
            }
        }

        if (level >= SimdLevel.Vector128)
        {
            for (; x <= width - 16; x += 16)
            {
                SimdMath.StoreRgbx(buffer + (4 * x), Vector128.Load(first + x), Vector128.Load(second + x), Vector128.Load(third + x));
            }
        }

        for (; x < width; x++)
        {
            buffer[4 * x] = first[x];
            buffer[(4 * x) + 1] = second[x];
            buffer[(4 * x) + 2] = third[x];
        }

        return buffer;
    }
}
