namespace YoloZeroCopy;

/// <summary>Looks at what a live video gives: the same picture again and again, or far more frames than it says, is a fault of its source.</summary>
/// <remarks>One thread at a time. No allocation for a frame.</remarks>
/// <param name="time">The clock.</param>
/// <param name="stallLimit">How long a video may give nothing.</param>
/// <param name="rate">Frames a second as it says; 0 where it does not.</param>
internal sealed class FrameWatch(TimeProvider time, TimeSpan stallLimit, double rate)
{
    /// <summary>A frozen encoder's packets differ still; equal ones come from a relay, or a camera without noise, and need more proof than
    /// silence.</summary>
    public const int FrozenFactor = 5;

    private const int LeastEqual = 10;

    // What a server kept, or waited in pipes while nobody read, comes at once, but not for so long.
    private const int WindowsToFault = 3;
    private const double MostOfRate = 3;

    private readonly TimeSpan frozenLimit = stallLimit * FrozenFactor;
    private long windowStart = time.GetTimestamp();
    private long lastNews = time.GetTimestamp();
    private int windowFrames;
    private int fastWindows;
    private int lastHash;
    private int lastSize = -1;
    private int equal;

    /// <summary>Takes a frame.</summary>
    /// <param name="packet">Its bytes as they were coded; empty where it was decoded, since decoded pictures of a dark hall may be equal.</param>
    /// <param name="state">What state a fault means.</param>
    /// <returns>What is wrong; null for nothing.</returns>
    public string? Take(ReadOnlySpan<byte> packet, out VideoState state)
    {
        long now = time.GetTimestamp();
        state = VideoState.Stalled;
        if (!packet.IsEmpty && IsFrozen(packet, now))
        {
            return $"the same picture came again and again for {frozenLimit.TotalSeconds:0.#} s";
        }

        state = VideoState.Failed;
        return IsTooFast(now) ? $"more than {MostOfRate:0} times as many frames came as the {rate:0.##} a second that it says" : null;
    }

    private bool IsFrozen(ReadOnlySpan<byte> packet, long now)
    {
        HashCode hash = default;
        hash.AddBytes(packet);
        int value = hash.ToHashCode();
        if (value != lastHash || packet.Length != lastSize)
        {
            (lastHash, lastSize, lastNews, equal) = (value, packet.Length, now, 0);
            return false;
        }

        equal++;
        return equal >= LeastEqual && time.GetElapsedTime(lastNews, now) > frozenLimit;
    }

    private bool IsTooFast(long now)
    {
        windowFrames++;
        TimeSpan window = time.GetElapsedTime(windowStart, now);
        if (rate <= 0 || window < stallLimit)
        {
            return false;
        }

        fastWindows = windowFrames > MostOfRate * rate * window.TotalSeconds ? fastWindows + 1 : 0;
        (windowStart, windowFrames) = (now, 0);
        return fastWindows >= WindowsToFault;
    }
}
