using YoloZeroCopy.Cuda;

namespace YoloZeroCopy;

/// <summary>Decodes one video on a detector's GPU. The detector reads the frames where they were decoded, and gives them back.</summary>
/// <remarks>One thread at a time decodes; disposal from any.</remarks>
internal interface IDeviceVideo : IDisposable
{
    /// <summary>Pictures that were not submitted because they could not be decoded without an error.</summary>
    long DamagedPictures { get; }

    // Live frames are to be new, and a decoder's surfaces cost memory for each camera; a file keeps the decoder busy.
    private const int LiveFramesHeld = ExpectedDecoders.CameraFramesHeld;
    private const int FileFramesHeld = 12;
    private const int FileDisplayDelay = 4;

    /// <summary>Opens the decoder for a codec.</summary>
    /// <param name="detector">A detector on CUDA.</param>
    /// <param name="codec">The codec, as <see cref="VideoReader.Codec"/> says.</param>
    /// <param name="isLive">True where a frame is wanted as soon as it is there, false where many are wanted in a time.</param>
    /// <param name="taker">Gets the frames.</param>
    /// <exception cref="ArgumentException">The detector is none on CUDA.</exception>
    /// <exception cref="CudaUnavailableException">NVIDIA's library for such videos is not there: libnvcuvid, for MJPEG nvJPEG.</exception>
    /// <exception cref="NotSupportedException">The device does not decode this codec.</exception>
    /// <exception cref="CudaJpegException">nvJPEG does not start.</exception>
    /// <exception cref="CudaException">The driver refused.</exception>
    static IDeviceVideo Open(YoloDetector detector, VideoCodec codec, bool isLive, DeviceFrameTaker taker)
    {
        int held = isLive ? LiveFramesHeld : FileFramesHeld;
        return codec switch
        {
            VideoCodec.H264 => OfVideo(CudaVideoCodec.H264),
            VideoCodec.Hevc => OfVideo(CudaVideoCodec.Hevc),
            VideoCodec.Av1 => OfVideo(CudaVideoCodec.Av1),
            VideoCodec.Mjpeg => new DeviceMjpeg(detector, new CudaJpegDecoderOptions { MaxFramesHeld = held }, taker),
            _ => throw new NotSupportedException($"A video of codec {codec} is not decoded on the GPU; wanted is H264, Hevc, Av1 or Mjpeg."),
        };

        DeviceVideo OfVideo(CudaVideoCodec videoCodec) => new(
            detector,
            new CudaVideoDecoderOptions { Codec = videoCodec, MaxFramesHeld = held, DisplayDelay = isLive ? 0 : FileDisplayDelay },
            taker);
    }

    /// <summary>Reads headers that come outside of the packets.</summary>
    void DecodeHeaders(ReadOnlySpan<byte> headers);

    /// <summary>Decodes one packet. Waits while the detector has as many frames of this video as there are surfaces.</summary>
    /// <param name="packet">The packet.</param>
    /// <param name="timestamp">When its picture is shown.</param>
    /// <param name="arrivedAt"><see cref="System.Diagnostics.Stopwatch"/> time at which it arrived, from which the age of its frame counts.</param>
    /// <param name="cancellationToken">Ends the wait, and the frames that were submitted with it.</param>
    void Decode(ReadOnlySpan<byte> packet, TimeSpan timestamp, long arrivedAt, CancellationToken cancellationToken);

    /// <summary>Submits the frames that still wait, at the end.</summary>
    void Flush(CancellationToken cancellationToken);
}
