using YoloZeroCopy.Cuda;

namespace YoloZeroCopy.Cli;

/// <summary>Waits for an event as the detector's threads do in a mode.</summary>
internal static class EventWait
{
    public static void Until(CudaEvent passed, WaitMode mode)
    {
        if (mode == WaitMode.Block)
        {
            passed.Synchronize();
            return;
        }

        while (!passed.IsDone())
        {
            if (mode == WaitMode.Yield)
            {
                bool yielded = Thread.Yield();
                _ = yielded;
            }
            else
            {
                Thread.SpinWait(8);
            }
        }
    }
}
