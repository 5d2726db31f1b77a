using System.Diagnostics;

namespace YoloZeroCopy;

/// <summary>One caller that waits for a slot. Pooled by its <see cref="FramePool"/>, whose lock guards <see cref="Next"/> and the request.</summary>
internal sealed class RentWaiter(FramePool pool) : PooledValueTaskSource<FrameSlot>
{
    private CancellationTokenRegistration registration;

    public RentWaiter? Next { get; set; }

    public FrameFormat Format { get; private set; }

    public CancellationToken CancellationToken { get; private set; }

    public long WaitingSince { get; private set; }

    public void Arm(in FrameFormat format, CancellationToken cancellationToken)
    {
        Format = format;
        CancellationToken = cancellationToken;
        WaitingSince = Stopwatch.GetTimestamp();
    }

    /// <summary>Called outside the pool's lock, because a token that is already cancelled calls back at once.</summary>
    public void WatchCancellation()
    {
        if (CancellationToken.CanBeCanceled)
        {
            registration = CancellationToken.UnsafeRegister(static state => ((RentWaiter)state!).Cancel(), this);
        }
    }

    public void Complete(in FrameSlot slot) => SetResult(slot);

    public void Fail(Exception error) => SetException(error);

    /// <summary>
    /// A callback that comes late, when the waiter already serves another request, does no harm: the pool looks at the token of the present request.
    /// </summary>
    private void Cancel() => pool.Cancel(this);

    protected override void OnTaken(bool succeeded)
    {
        // Not Dispose: that would wait for a callback that may itself wait for the pool's lock.
        bool unregistered = registration.Unregister();
        _ = unregistered;
        registration = default;
        CancellationToken = default;
        Reset();
        pool.Keep(this);
    }
}
