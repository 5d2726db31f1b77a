using System.Runtime.CompilerServices;

namespace YoloZeroCopy;

/// <content>What a feed asks of its source, while the producer runs.</content>
public sealed partial class HubSource
{
    internal bool TryRent(SourceFeed feed, in FrameFormat wanted, out SourceSlot slot)
    {
        SlotRing slots = RingFor(feed, wanted);
        lock (Gate)
        {
            ThrowIfClosed(feed);
            if (TryTake(slots, wanted, out slot))
            {
                return true;
            }

            Skip(feed);
            return false;
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    internal async ValueTask<SourceSlot> RentAsync(SourceFeed feed, FrameFormat wanted)
    {
        SlotRing slots = RingFor(feed, wanted);
        while (true)
        {
            ValueTask<bool> change;
            lock (Gate)
            {
                ThrowIfClosed(feed);
                if (TryTake(slots, wanted, out SourceSlot slot))
                {
                    return slot;
                }

                change = room.Arm();
            }

            _ = await change.ConfigureAwait(false);
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    internal async ValueTask WaitForRoomAsync(SourceFeed feed)
    {
        while (true)
        {
            ValueTask<bool> change;
            lock (Gate)
            {
                ThrowIfClosed(feed);
                if (ahead < options.FramesAhead)
                {
                    return;
                }

                change = room.Arm();
            }

            _ = await change.ConfigureAwait(false);
        }
    }

    /// <summary>The slots of this source in memory that processes of a user write, for this call of its producer.</summary>
    internal SlotRing Share(SourceFeed feed, int slotBytes, uint user, bool onDevice)
    {
        lock (Gate)
        {
            ThrowIfClosed(feed);
        }

        // Whoever wrote into the slots may go on doing so: another user gets others. All frames of the calls before were handled.
        if (ring is not null && ring.User != user)
        {
            ring.Dispose();
            ring = null;
        }

        ring ??= new SlotRing(this, detector, slotBytes, options.FramesAhead, user, onDevice);
        return feed.Ring = ring;
    }

    /// <summary>Rents a slot of which it is not known yet what frame it will be for; false where none is free, or the feed is closed.</summary>
    internal bool TryRentShared(SourceFeed feed, out SourceSlot slot)
    {
        lock (Gate)
        {
            slot = default;
            return !feed.IsClosed && !feed.HasEnded && lost is null && !hasStopped && TryTake(feed.Ring!, default, out slot);
        }
    }

    /// <summary>Whoever frees a slot calls this from here on, and holds no lock.</summary>
    internal void WhenFree(SlotRing slots, Action granting)
    {
        lock (Gate)
        {
            slots.Freed = granting;
        }
    }

    /// <summary>No further slot is rented for this call.</summary>
    internal void Close(SourceFeed feed)
    {
        lock (Gate)
        {
            feed.IsClosed = true;
            feed.Ring!.Freed = null;
        }
    }

    internal void Submit(SourceFeed feed, in SourceSlot slot, TimeSpan timestamp, long capturedAt, FrameFormat? format = null)
    {
        SlotRing slots = slot.Ring;
        if (!ReferenceEquals(slots, feed.Ring))
        {
            throw new ArgumentException("The slot was not rented from this feed; submit it to the one it is of.", nameof(slot));
        }

        ExternalFrame frame;
        lock (Gate)
        {
            ThrowIfClosed(feed);
            frame = slots.Lend(slot, format);
        }

        try
        {
            Submit(feed, frame, slots, timestamp, capturedAt, followsDamage: false);
        }
        catch
        {
            lock (Gate)
            {
                slots.TakeBack(slot.Index);
                LeaveRoom();
            }

            throw;
        }
    }

    internal bool TrySubmit(SourceFeed feed, in ExternalFrame frame, TimeSpan timestamp, long capturedAt, bool followsDamage)
    {
        lock (Gate)
        {
            ThrowIfClosed(feed);
            if (ahead >= options.FramesAhead)
            {
                Skip(feed);
                return false;
            }

            ahead++;
        }

        try
        {
            Submit(feed, frame, slots: null, timestamp, capturedAt, followsDamage);
            return true;
        }
        catch
        {
            lock (Gate)
            {
                LeaveRoom();
            }

            throw;
        }
    }

    internal void Tell(SourceFeed feed, SourceState next, string? what)
    {
        if (!feed.HasEnded)
        {
            SetState(next, what);
        }
    }

    internal void CountDecodeErrors(long count)
    {
        lock (Gate)
        {
            decodeErrors += count;
        }
    }

    /// <summary>One frame fewer is ahead. With the gate held.</summary>
    internal void LeaveRoom()
    {
        ahead--;
        room.Wake();
        if (ahead == 0)
        {
            idle?.SetResult();
            idle = null;
        }
    }

    /// <summary>A slot has become free. With the gate held.</summary>
    internal void WakeProducer() => room.Wake();

    private static bool IsFault(SourceState state) => state is SourceState.Stalled or SourceState.Refused or SourceState.Failed;

    private bool TryTake(SlotRing slots, in FrameFormat wanted, out SourceSlot slot)
    {
        slot = default;
        if (ahead >= options.FramesAhead || !slots.TryRent(wanted, out slot))
        {
            return false;
        }

        ahead++;
        return true;
    }

    private void Skip(SourceFeed feed)
    {
        feed.Count++;
        skipped++;
    }

    // The slots of earlier calls serve again where they are large enough: to lock other memory would hold up everybody's driver calls.
    private SlotRing RingFor(SourceFeed feed, in FrameFormat wanted)
    {
        // First, so that a producer whose call has ended changes nothing.
        lock (Gate)
        {
            ThrowIfClosed(feed);
        }

        wanted.ThrowIfDefault(nameof(wanted));
        if (wanted.ByteCount > detector.SlotBytes)
        {
            throw new ArgumentException(
                $"A frame of {wanted} takes {wanted.ByteCount} bytes, and the detector's {nameof(DetectorOptions.SlotBytes)} are "
                    + $"{detector.SlotBytes}; open it with the size of the largest frame.");
        }

        if (ring is SlotRing made && wanted.ByteCount <= made.SlotBytes)
        {
            return feed.Ring = made;
        }

        if (feed.Ring is SlotRing used)
        {
            throw new ArgumentException($"A frame of {wanted} takes {wanted.ByteCount} bytes, and those before {used.SlotBytes} at most; "
                + "the largest of a call comes first.");
        }

        // All frames of the calls before were handled.
        ring?.Dispose();
        ring = null;
        return feed.Ring = ring = new SlotRing(this, detector, wanted.ByteCount, options.FramesAhead);
    }

    // What it throws leaves the frame with the caller, in whose hands the place among those ahead is, too.
    private void Submit(
        SourceFeed feed, in ExternalFrame frame, SlotRing? slots, TimeSpan timestamp, long capturedAt, bool followsDamage)
    {
        long captured = capturedAt == 0 ? clock.GetTimestamp() : capturedAt;
        ReadOnlyMemory<byte> pixels = slots is null ? default : slots.PixelsOf((int)frame.Token);
        FrameFormat frameFormat = frame.Format;
        long token = frame.Token;
        ValueTask<DetectionResult> result = detector.SubmitAsync(frame, Number, captured);
        bool isLive;
        lock (Gate)
        {
            int place = (firstSubmitted + submittedCount++) % submitted.Length;
            submitted[place] = new SubmittedFrame(feed.Run, feed.Count++, timestamp, captured, token, followsDamage, slots, pixels, result);
            format = frameFormat;
            long now = clock.GetTimestamp();
            feed.FirstAt = feed.HasSubmitted ? feed.FirstAt : now;
            feed.LastAt = now;
            feed.HasSubmitted = true;
            isLive = state == SourceState.Live;
            work.Wake();
        }

        if (!isLive)
        {
            SetState(SourceState.Live, null);
        }
    }

    private void ThrowIfClosed(SourceFeed feed)
    {
        if (feed.HasEnded)
        {
            throw new InvalidOperationException($"This call of the producer of source '{Name}' has ended; its feed takes nothing any more.");
        }

        if (lost is not null)
        {
            throw lost;
        }

        if (hasStopped)
        {
            throw new OperationCanceledException($"Source '{Name}' is being removed.", stop.Token);
        }
    }
}
