namespace YoloZeroCopy;

/// <summary>Takes the frames of a source from its <see cref="FrameProducer"/>, and what it says of them. One call at a time, on any thread.</summary>
/// <remarks>
/// A frame is written into a slot of the source's own (<see cref="RentAsync"/>), or lies elsewhere (<see cref="TrySubmit"/>). Results are not the
/// producer's: they go to the source's <see cref="FrameHandler"/>.
/// </remarks>
public sealed class SourceFeed
{
    internal SourceFeed(HubSource source, int run)
    {
        Source = source;
        Run = run;
    }

    /// <summary>Whose frames these are.</summary>
    public HubSource Source { get; }

    /// <summary>How often the producer had been called before, from 0.</summary>
    public int Run { get; }

    /// <summary>Frames submitted and skipped.</summary>
    internal long Count { get; set; }

    internal bool HasSubmitted { get; set; }

    internal long FirstAt { get; set; }

    internal long LastAt { get; set; }

    internal bool HasEnded { get; set; }

    internal bool IsClosed { get; set; }

    internal SlotRing? Ring { get; set; }

    /// <summary>Rents a free slot, waiting until fewer than <see cref="HubSourceOptions.FramesAhead"/> frames are ahead.</summary>
    /// <param name="format">Layout of the frame that will be written into it. The largest frame of a call of the producer comes first.</param>
    /// <returns>The slot, the producer's until it is submitted or disposed, or its call has ended.</returns>
    /// <exception cref="ArgumentException">The format is the default value, its frames are larger than the detector takes
    /// (<see cref="YoloDetector.SlotBytes"/>), or than the first one of this call.</exception>
    /// <exception cref="YoloZeroCopy.Cuda.CudaException">The driver refused to make memory for slots readable.</exception>
    /// <exception cref="OperationCanceledException">The source is being removed.</exception>
    /// <exception cref="ObjectDisposedException">The detector is disposed.</exception>
    /// <exception cref="DetectorFaultedException">The detector is faulted.</exception>
    /// <exception cref="InvalidOperationException">The producer's call has ended, or another one waits here.</exception>
    public ValueTask<SourceSlot> RentAsync(FrameFormat format) => Source.RentAsync(this, format);

    /// <summary>Rents a slot where fewer than <see cref="HubSourceOptions.FramesAhead"/> frames are ahead. Otherwise the frame that it was for is
    /// counted as skipped.</summary>
    /// <param name="format">As of <see cref="RentAsync"/>.</param>
    /// <param name="slot">The slot.</param>
    /// <inheritdoc cref="RentAsync" path="/exception"/>
    public bool TryRent(in FrameFormat format, out SourceSlot slot) => Source.TryRent(this, format, out slot);

    /// <summary>Hands a filled slot over for detection. It never waits.</summary>
    /// <param name="slot">The slot; the source's from here on, but where this throws.</param>
    /// <param name="timestamp">The frame's time by the producer's own clock, for the handler.</param>
    /// <param name="capturedAt"><see cref="System.Diagnostics.Stopwatch.GetTimestamp"/> when the frame was captured, from which its age counts; 0
    /// means now.</param>
    /// <exception cref="ArgumentException">The slot is another source's.</exception>
    /// <inheritdoc cref="RentAsync" path="/exception[@cref='T:System.OperationCanceledException']"/>
    /// <exception cref="InvalidOperationException">The slot is stale, or the producer's call has ended.</exception>
    public void Submit(SourceSlot slot, TimeSpan timestamp = default, long capturedAt = 0) => Source.Submit(this, slot, timestamp, capturedAt);

    /// <summary>Waits until fewer than <see cref="HubSourceOptions.FramesAhead"/> frames are ahead: <see cref="TrySubmit"/> takes one then.</summary>
    /// <inheritdoc cref="RentAsync" path="/exception[@cref='T:System.OperationCanceledException']"/>
    /// <exception cref="InvalidOperationException">The producer's call has ended, or another one waits here.</exception>
    public ValueTask WaitForRoomAsync() => Source.WaitForRoomAsync(this);

    /// <summary>Hands a frame over that lies in registered memory or on the GPU.</summary>
    /// <param name="frame">The frame. Taken, its owner hears exactly once when its memory is free.</param>
    /// <param name="timestamp">The frame's time by the producer's own clock, for the handler.</param>
    /// <param name="capturedAt"><see cref="System.Diagnostics.Stopwatch.GetTimestamp"/> when the frame was captured, from which its age counts; 0
    /// means now.</param>
    /// <param name="followsDamage">What <see cref="SourceFrame.FollowsDamage"/> is to be.</param>
    /// <returns>False when as many frames as may be are ahead: this one was not taken, and is counted as skipped.</returns>
    /// <exception cref="ArgumentException">The detector cannot read it there. It was not taken, as always where this throws.</exception>
    /// <inheritdoc cref="RentAsync" path="/exception[@cref='T:System.OperationCanceledException']"/>
    /// <exception cref="InvalidOperationException">The producer's call has ended.</exception>
    public bool TrySubmit(in ExternalFrame frame, TimeSpan timestamp = default, long capturedAt = 0, bool followsDamage = false) =>
        Source.TrySubmit(this, frame, timestamp, capturedAt, followsDamage);

    /// <summary>Says how it stands with the source while the producer sees to it by itself, such as a camera that it connects to anew. Who says
    /// nothing is live from the first frame on.</summary>
    /// <param name="state">Live, Stalled, Refused or Failed.</param>
    /// <param name="problem">What is wrong, for people; null for nothing.</param>
    /// <remarks>A frame that is submitted makes the source live. After the producer's call nothing happens.</remarks>
    /// <exception cref="ArgumentException">Another state, which the hub itself knows of.</exception>
    public void Tell(SourceState state, string? problem = null)
    {
        if (state is not (SourceState.Live or SourceState.Stalled or SourceState.Refused or SourceState.Failed))
        {
            throw new ArgumentException($"A producer is live, stalled, refused or failed; {state} is the hub's to say.", nameof(state));
        }

        Source.Tell(this, state, problem);
    }

    /// <summary>Counts errors in decoding.</summary>
    /// <param name="count">How many more.</param>
    public void CountDecodeErrors(long count = 1)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        Source.CountDecodeErrors(count);
    }
}
