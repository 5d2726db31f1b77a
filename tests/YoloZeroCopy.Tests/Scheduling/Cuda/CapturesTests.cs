using YoloZeroCopy.Cuda;
using YoloZeroCopy.Cuda.Tests;

namespace YoloZeroCopy.Tests;

[Collection(CudaTests.Name)]
public sealed class CapturesTests(CompiledSources sources)
{
    [Fact]
    public void What_waits_for_the_device_does_so_behind_a_capture()
    {
        DriverDouble driver = new(sources);
        using (CudaContext context = driver.OpenContext())
        using (CudaStream stream = new(context))
        {
            CudaCaptureStatus? seen = null;
            Thread other = new(() => Captures.KeepApart(() =>
            {
                context.MakeCurrent();
                seen = stream.CaptureStatus;
            }));
            Captures.Capture(stream, () =>
            {
                other.Start();
                Assert.True(SpinWait.SpinUntil(() => other.ThreadState.HasFlag(ThreadState.WaitSleepJoin), TimeSpan.FromMinutes(1)));
            }).Dispose();
            other.Join();
            Assert.Equal(CudaCaptureStatus.None, seen);

            // What ends a capture leaves the stream as it was.
            _ = Assert.Throws<InvalidTimeZoneException>(() => Captures.Capture(stream, static () => throw new InvalidTimeZoneException()));
            Assert.Equal(CudaCaptureStatus.None, stream.CaptureStatus);
        }

        driver.AssertClean();
    }
}
