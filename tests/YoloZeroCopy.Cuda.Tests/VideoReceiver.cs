namespace YoloZeroCopy.Cuda.Tests;

/// <summary>Reads each picture, rows without padding, and gives it back unless it is to hold it.</summary>
internal sealed unsafe class VideoReceiver(CudaContext context) : ICudaVideoReceiver
{
    public CudaVideoDecoder? Decoder { get; set; }

    public bool Holds { get; init; }

    public Exception? Throws { get; set; }

    public Action? Inside { get; set; }

    public List<(CudaVideoFrame Frame, byte[] Pixels)> Frames { get; } = [];

    public IEnumerable<long> Timestamps => Frames.Select(static pair => pair.Frame.Timestamp);

    public void OnFrame(in CudaVideoFrame frame)
    {
        if (Throws is not null)
        {
            throw Throws;
        }

        Frames.Add((frame, Read(frame)));
        if (!Holds)
        {
            Decoder!.Release(frame.Token);
        }

        Inside?.Invoke();
    }

    public byte[] Read(in CudaVideoFrame frame)
    {
        CudaVideoFormat format = frame.Format;
        int rowBytes = format.Width * (format.BitDepth == 8 ? 1 : 2);
        int rows = format.Height * 3 / 2;
        byte[] pixels = new byte[rowBytes * rows];
        context.MakeCurrent();
        using CudaStream stream = new(context);
        stream.WaitFor(frame.Ready);
        fixed (byte* first = pixels)
        {
            for (int y = 0; y < rows; y++)
            {
                CUdeviceptr row = y < format.Height
                    ? frame.Luma.Offset((ulong)y * (ulong)frame.Pitch)
                    : frame.Chroma.Offset((ulong)(y - format.Height) * (ulong)frame.Pitch);
                stream.CopyToHost(first + (y * rowBytes), row, (nuint)rowBytes);
            }
        }

        stream.Synchronize();
        return pixels;
    }
}
