using YoloZeroCopy.Cuda;

namespace YoloZeroCopy.Gpu.Tests;

/// <summary>A picture that nvJPEG decoded, copied to the host: as BGR without padding, whatever its layout.</summary>
internal sealed record DecodedJpeg(int Width, int Height, byte[] Pixels)
{
    public static DecodedJpeg Of(CudaContext context, CudaJpegDecoder decoder, byte[] jpeg)
    {
        CudaJpegFrame frame = decoder.Decode(jpeg);
        try
        {
            return Of(context, frame);
        }
        finally
        {
            decoder.Release(frame.Token);
        }
    }

    public static DecodedJpeg Of(CudaContext context, in CudaJpegFrame frame)
    {
        byte[] bytes = ReadBack(context, frame);
        bool isPlanar = frame.Layout is CudaJpegLayout.BgrPlanar or CudaJpegLayout.RgbPlanar;
        bool isBlueFirst = frame.Layout is CudaJpegLayout.Bgr or CudaJpegLayout.BgrPlanar;
        byte[] pixels = new byte[3 * frame.Width * frame.Height];
        for (int y = 0, to = 0; y < frame.Height; y++)
        {
            for (int x = 0; x < frame.Width; x++)
            {
                for (int color = 0; color < 3; color++, to++)
                {
                    int sample = isBlueFirst ? color : 2 - color;
                    pixels[to] = bytes[isPlanar ? (((sample * frame.Height) + y) * frame.Pitch) + x : (y * frame.Pitch) + (3 * x) + sample];
                }
            }
        }

        return new DecodedJpeg(frame.Width, frame.Height, pixels);
    }

    /// <summary>The frame's bytes as they lie on the device.</summary>
    public static unsafe byte[] ReadBack(CudaContext context, in CudaJpegFrame frame)
    {
        int rows = frame.Layout is CudaJpegLayout.BgrPlanar or CudaJpegLayout.RgbPlanar ? 3 * frame.Height : frame.Height;
        context.MakeCurrent();
        using CudaStream stream = new(context);
        using CudaPinnedMemory host = CudaPinnedMemory.Allocate(context, (nuint)(rows * frame.Pitch));
        stream.WaitFor(frame.Ready);
        stream.CopyToHost(host.Pointer, frame.Address, host.Bytes);
        stream.Synchronize();
        return host.AsSpan(0, rows * frame.Pitch).ToArray();
    }
}
