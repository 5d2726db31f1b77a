using System.Diagnostics.Metrics;
using MultiCamera.Alarms;
using MultiCamera.Cameras;
using YoloZeroCopy.Server;

namespace MultiCamera.Web;

/// <summary>Cameras and outlets as instruments of System.Diagnostics.Metrics, beside those of the library.</summary>
internal sealed class SiteMetrics : IDisposable
{
    public const string Name = "MultiCamera";

    private readonly Site site;
    private readonly Meter meter = new(Name);

    public SiteMetrics(Site site)
    {
        this.site = site;
        _ = meter.CreateObservableGauge(
            "multicamera.camera.live", () => Each(camera => camera.State == "live" ? 1 : 0), null, "1 for a camera that gives frames, else 0");
        _ = meter.CreateObservableGauge("multicamera.camera.rate", () => Each(camera => camera.Rate), "{frame}/s", "Frames a second looked at");
        _ = meter.CreateObservableGauge("multicamera.camera.age", Ages, "s", "Age of frames when their results were used");
        _ = meter.CreateObservableCounter("multicamera.camera.frames", Frames, "{frame}", "Frames, by what became of them");
        _ = meter.CreateObservableCounter(
            "multicamera.camera.deadlines_missed", () => Each(camera => camera.DeadlinesMissed), "{frame}", "Frames not looked at in time");
        _ = meter.CreateObservableCounter(
            "multicamera.camera.decode_errors", () => Each(camera => camera.DecodeErrors), null, "Errors in decoding the video");
        _ = meter.CreateObservableCounter("multicamera.camera.faults", () => Each(camera => camera.Faults), null, "Times that the video was lost");
        _ = meter.CreateObservableCounter("multicamera.camera.alarms", () => Each(camera => camera.Alarms), "{alarm}", "Alarms raised");
        _ = meter.CreateObservableGauge(
            "multicamera.outlet.working",
            () => EachOutlet(outlet => outlet.State == OutletState.Working ? 1 : 0),
            null,
            "1 for an outlet that works, else 0");
        _ = meter.CreateObservableGauge("multicamera.outlet.waiting", () => EachOutlet(outlet => outlet.Waiting), "{alarm}", "Alarms that wait");
        _ = meter.CreateObservableCounter(
            "multicamera.outlet.delivered", () => EachOutlet(outlet => outlet.Delivered), "{alarm}", "Alarms handed over");
        _ = meter.CreateObservableCounter("multicamera.outlet.dropped", () => EachOutlet(outlet => outlet.Dropped), "{alarm}", "Alarms lost");
    }

    /// <summary>Whether a meter is the program's or the library's.</summary>
    public static bool IsShown(Meter meter) => meter.Name is Name or PrometheusText.LibraryMeter;

    public void Dispose() => meter.Dispose();

    private IEnumerable<Measurement<T>> Each<T>(Func<CameraStatistics, T> value)
        where T : struct =>
        site.Cameras.Select(camera => camera.Statistics).Select(camera => new Measurement<T>(value(camera), Tag("camera", camera.Name)));

    private IEnumerable<Measurement<long>> EachOutlet(Func<OutletStatus, long> value) =>
        site.Outlets.Select(outlet => new Measurement<long>(value(outlet), Tag("outlet", outlet.Name)));

    private IEnumerable<Measurement<double>> Ages()
    {
        foreach (CameraStatistics camera in site.Cameras.Select(camera => camera.Statistics))
        {
            if (camera is { AgeP50: double half, AgeP99: double most })
            {
                yield return new Measurement<double>(half, Tag("camera", camera.Name), Tag("quantile", "0.5"));
                yield return new Measurement<double>(most, Tag("camera", camera.Name), Tag("quantile", "0.99"));
            }
        }
    }

    private IEnumerable<Measurement<long>> Frames()
    {
        foreach (CameraStatistics camera in site.Cameras.Select(camera => camera.Statistics))
        {
            foreach ((string what, long count) in new[]
            {
                ("detected", camera.Detected), ("busy", camera.Busy), ("too_old", camera.TooOld), ("late", camera.Late),
                ("dropped", camera.Dropped - camera.TooOld - camera.Late), ("failed", camera.Failed),
            })
            {
                yield return new Measurement<long>(count, Tag("camera", camera.Name), Tag("outcome", what));
            }
        }
    }

    private static KeyValuePair<string, object?> Tag(string name, string value) => new(name, value);
}
