using YoloZeroCopy;

namespace YoloApp1;

/// <summary>Stands in for a camera: grey frames at a rate. Put the calls of your camera's SDK here.</summary>
internal sealed class Camera(IConfiguration configuration) : IDisposable
{
    private readonly PeriodicTimer timer = new(TimeSpan.FromSeconds(1 / configuration.GetValue("Camera:FramesPerSecond", 30.0)));

    /// <summary>What its frames are like. A slot must hold one: Detector:SlotBytes in appsettings.json.</summary>
    public FrameFormat Format { get; } = new(PixelFormat.Bgr24, 1280, 720);

    /// <summary>Waits for the next frame.</summary>
    public async ValueTask WaitAsync(CancellationToken cancellationToken) => await timer.WaitForNextTickAsync(cancellationToken);

    /// <summary>Writes the frame into a slot: the only copy there is. An SDK that can write there itself makes none.</summary>
    public void Read(Span<byte> slot) => slot.Fill(114);

    public void Dispose() => timer.Dispose();
}
