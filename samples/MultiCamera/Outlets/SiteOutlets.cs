using MultiCamera.Alarms;
using MultiCamera.Settings;

namespace MultiCamera.Outlets;

/// <summary>The outlets that the settings ask for.</summary>
internal sealed class SiteOutlets
{
    public SiteOutlets(SiteSettings site, ILoggerFactory logs)
    {
        Mqtt = site.Mqtt is MqttOptions mqtt ? new MqttOutlet(mqtt, logs.CreateLogger<MqttOutlet>()) : null;
        History = site.History is HistoryOptions history ? new HistoryOutlet(history, logs.CreateLogger<HistoryOutlet>()) : null;
        Media = site.Media is MediaOptions media ? new MediaOutlet(media, logs.CreateLogger<MediaOutlet>()) : null;
        All = new OutletSet([.. new IAlarmOutlet?[] { Mqtt, History, Media }.OfType<IAlarmOutlet>()], logs.CreateLogger<OutletSet>());
    }

    public MqttOutlet? Mqtt { get; }

    public HistoryOutlet? History { get; }

    public MediaOutlet? Media { get; }

    /// <summary>All of them together; disposing it ends them.</summary>
    public OutletSet All { get; }
}
