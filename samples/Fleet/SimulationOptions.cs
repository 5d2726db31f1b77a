namespace Fleet;

/// <summary>How simulated cameras and their detector are.</summary>
internal sealed class SimulationOptions
{
    /// <summary>Frames of each camera in a second.</summary>
    public double FramesPerSecond { get; set; } = 5;

    /// <summary>Time that the detector takes for a frame. That of an H200 with yolov8n, batch 8, Nv12 frames of 720p in docs/performance.md is about
    /// 0.05 ms.</summary>
    public double ServiceMs { get; set; } = 0.05;

    /// <summary>Seconds from one incident of a camera to the next.</summary>
    public double Period { get; set; } = 60;

    /// <summary>Seconds that an incident can be seen for.</summary>
    public double Visible { get; set; } = 20;
}
