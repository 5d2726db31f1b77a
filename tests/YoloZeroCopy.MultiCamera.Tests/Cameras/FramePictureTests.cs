using MultiCamera.Cameras;
using MultiCamera.Settings;
using YoloZeroCopy;

namespace MultiCamera.Tests.Cameras;

public sealed class FramePictureTests
{
    [Fact]
    public void Drawing_on_many_threads_keeps_no_memory_of_each_of_them()
    {
        const int Threads = 24;
        FrameFormat format = new(PixelFormat.Nv12, 1280, 720);
        byte[] frame = new byte[format.ByteCount];
        FramePicture picture = new(new CameraSettings { Name = "one" }, []);
        _ = picture.Draw(frame, format, format.Width, [], []);

        // Results come on threads of the pool, which live on.
        using Barrier drawn = new(Threads + 1);
        Lock one = new();
        long before = GC.GetTotalMemory(forceFullCollection: true);
        Thread[] threads = [.. Enumerable.Range(0, Threads).Select(number => new Thread(() =>
        {
            lock (one)
            {
                _ = picture.Draw(frame, format, format.Width, [], []);
            }

            drawn.SignalAndWait();
            drawn.SignalAndWait();
        }))];
        Array.ForEach(threads, thread => thread.Start());
        drawn.SignalAndWait();
        long kept = GC.GetTotalMemory(forceFullCollection: true) - before;
        drawn.SignalAndWait();
        Array.ForEach(threads, thread => thread.Join());
        Assert.True(kept < 8 * format.ByteCount, $"{kept / 1e6:0.0} MB are kept after {Threads} threads have drawn one picture each");
    }
}
