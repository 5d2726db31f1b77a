using YoloZeroCopy.Cuda;

namespace YoloZeroCopy;

/// <summary>Gives a detector's share in the primary context back, and after a sticky error resets it, so that a fresh detector can be opened in the same process.</summary>
/// <remarks>A reset unmaps page-locked memory: while a producer still holds a slot there is none, and the device stays faulted for this process.</remarks>
internal sealed class CudaContextOwner(CudaContext context) : IDisposable
{
    /// <summary>Slots of the detector that producers still hold; null before there is a pool.</summary>
    public FramePool? Pool { get; set; }

    public void Dispose()
    {
        // Another detector on the device has met the same error; whoever comes first resets for both.
        if (context.IsFaulted && !context.IsReset && (Pool is null || Pool.SlotsInUse == 0))
        {
            try
            {
                context.Reset();
            }
            catch (Exception error) when (error is CudaException or ObjectDisposedException)
            {
                // Nothing more can be done from here; opening the next detector will say so.
            }
        }

        context.Dispose();
    }
}
