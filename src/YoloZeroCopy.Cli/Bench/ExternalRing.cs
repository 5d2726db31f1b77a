using System.Collections.Concurrent;
using YoloZeroCopy.Cuda;

namespace YoloZeroCopy.Cli;

/// <summary>Buffers of the benchmark's own with a frame of noise in each, in registered memory or on the device, submitted by turns.</summary>
internal sealed class ExternalRing : IFrameOwner, IDisposable
{
    // As drivers align rows and decoders their surfaces.
    private const long DeviceAlignment = 512;

    private readonly ConcurrentQueue<int> free = new();
    private readonly SemaphoreSlim available;
    private readonly Func<int, ExternalFrame> frameIn;
    private readonly Action release;
    private readonly int count;

    private ExternalRing(int count, Func<ExternalRing, int, ExternalFrame> frameIn, Action release)
    {
        this.count = count;
        this.frameIn = buffer => frameIn(this, buffer);
        this.release = release;
        available = new SemaphoreSlim(count);
        for (int buffer = 0; buffer < count; buffer++)
        {
            free.Enqueue(buffer);
        }
    }

    public static ExternalRing Registered(YoloDetector detector, FrameFormat format, int count)
    {
        NativeFrames frames = new(count, format.ByteCount, seed: 4);
        try
        {
            RegisteredMemory memory = detector.Register(frames.Address, (long)count * format.ByteCount);
            return new ExternalRing(
                count,
                (owner, buffer) => ExternalFrame.InRegistered(memory, (long)buffer * format.ByteCount, format, owner, buffer),
                () =>
                {
                    memory.Dispose();
                    frames.Dispose();
                });
        }
        catch
        {
            frames.Dispose();
            throw;
        }
    }

    public static ExternalRing OnDevice(BenchDevice device, FrameFormat format, int count)
    {
        ulong step = (ulong)((format.ByteCount + DeviceAlignment - 1) / DeviceAlignment * DeviceAlignment);
        CudaDeviceMemory memory = new(device.Context, (nuint)count * (nuint)step);
        try
        {
            using NativeFrames frames = new(count, format.ByteCount, seed: 5);
            device.Thread.Run(() => Upload(device.Context, frames, memory.Address.Value, step));
            return new ExternalRing(
                count,
                (owner, buffer) => ExternalFrame.OnDevice(
                    memory.Address.Value + ((ulong)buffer * step), secondPlane: 0, format, readyEvent: 0, owner, buffer),
                memory.Dispose);
        }
        catch
        {
            memory.Dispose();
            throw;
        }
    }

    /// <summary>The next frame whose buffer is free, waiting for one where none is.</summary>
    public async ValueTask<ExternalFrame> NextAsync()
    {
        if (!available.Wait(0))
        {
            await available.WaitAsync();
        }

        bool taken = free.TryDequeue(out int buffer);
        return taken ? frameIn(buffer) : throw new InvalidOperationException("A buffer was free and is not there.");
    }

    public void OnFrameFree(long token)
    {
        free.Enqueue((int)token);
        available.Release();
    }

    /// <summary>Waits until every buffer is free.</summary>
    public void Dispose()
    {
        for (int buffer = 0; buffer < count; buffer++)
        {
            available.Wait();
        }

        release();
        available.Dispose();
    }

    private static unsafe void Upload(CudaContext context, NativeFrames frames, ulong address, ulong step)
    {
        using CudaStream stream = new(context);
        for (int index = 0; index < frames.Count; index++)
        {
            fixed (byte* pixels = frames[index])
            {
                stream.CopyToDevice(new CUdeviceptr(address + ((ulong)index * step)), pixels, (nuint)frames[index].Length);
            }
        }

        stream.Synchronize();
    }
}
