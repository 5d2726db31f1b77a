namespace YoloZeroCopy;

/// <summary>What stands beside a frame that was decoded on the device.</summary>
/// <param name="Timestamp">When it is shown, by the video's clock.</param>
/// <param name="Format">Its layout.</param>
/// <param name="FollowsDamage">Whether it may be predicted from a picture that was damaged.</param>
/// <param name="ArrivedAt"><see cref="System.Diagnostics.Stopwatch"/> time at which its packet arrived, from which its age counts.</param>
internal readonly record struct DeviceFrame(TimeSpan Timestamp, FrameFormat Format, bool FollowsDamage, long ArrivedAt);

/// <summary>Submits the frames of an <see cref="IDeviceVideo"/>, in the order in which they are shown, on the thread that decodes.</summary>
/// <param name="frame">What stands beside it.</param>
/// <param name="external">The frame. Its owner is the video, and hears where it was taken.</param>
/// <param name="cancellationToken">That of the call that decodes.</param>
/// <returns>False where it was not taken: it is left out. Nor is it where this throws, and the call that decodes fails.</returns>
internal delegate bool DeviceFrameTaker(in DeviceFrame frame, in ExternalFrame external, CancellationToken cancellationToken);

/// <summary>Gets what becomes of a frame that was decoded on the device.</summary>
/// <param name="frame">The frame.</param>
/// <param name="result">Its result, to be awaited once. What the receiver throws is lost with the frame: it has to do without.</param>
internal delegate void DeviceFrameReceiver(in DeviceFrame frame, ValueTask<DetectionResult> result);

/// <summary>Takes frames that were decoded on the device for a detector.</summary>
internal static class DeviceFrameTakers
{
    /// <summary>Submits every frame.</summary>
    /// <param name="detector">The detector.</param>
    /// <param name="source">Number of the video among the detector's sources.</param>
    /// <param name="receiver">Gets the results.</param>
    public static DeviceFrameTaker To(YoloDetector detector, int source, DeviceFrameReceiver receiver) =>
        (in DeviceFrame frame, in ExternalFrame external, CancellationToken cancellationToken) =>
        {
            // Once this has returned, the frame is the detector's, and nothing may throw.
            ValueTask<DetectionResult> result = detector.SubmitAsync(external, source, frame.ArrivedAt, cancellationToken);
            receiver(frame, result);
            return true;
        };
}
