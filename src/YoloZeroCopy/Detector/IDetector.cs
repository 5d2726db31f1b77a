namespace YoloZeroCopy;

/// <summary>What an application uses of a <see cref="YoloDetector"/>: the seam at which its tests put another one.</summary>
/// <remarks>
/// A test opens a detector over a function (<see cref="YoloDetector.FromFunction"/>), which has real slots, or writes a class; results come from
/// <see cref="DetectionResult.Create"/>. Extension methods for pictures and videos work on every implementation. Each member means what it means on
/// <see cref="YoloDetector"/>; any thread may call it.
/// </remarks>
public interface IDetector : IAsyncDisposable, IDisposable
{
    /// <summary>What metrics and logs call this detector.</summary>
    string Name { get; }

    /// <summary>The model that was opened.</summary>
    ModelInfo Model { get; }

    /// <summary>Number of slots: as many frames can be rented or submitted, and not yet read, at one time.</summary>
    int SlotCount { get; }

    /// <summary>Bytes of the largest frame that a slot can hold.</summary>
    int SlotBytes { get; }

    /// <inheritdoc cref="YoloDetector.TryRent"/>
    bool TryRent(in FrameFormat format, out FrameSlot slot);

    /// <inheritdoc cref="YoloDetector.RentAsync"/>
    ValueTask<FrameSlot> RentAsync(in FrameFormat format, CancellationToken cancellationToken = default);

    /// <inheritdoc cref="YoloDetector.SubmitAsync(FrameSlot, int, long, CancellationToken)"/>
    ValueTask<DetectionResult> SubmitAsync(FrameSlot slot, int source = 0, long capturedAt = 0, CancellationToken cancellationToken = default);

    /// <inheritdoc cref="YoloDetector.DetectAsync"/>
    ValueTask<DetectionResult> DetectAsync(ReadOnlyMemory<byte> pixels, FrameFormat format, CancellationToken cancellationToken = default);
}
