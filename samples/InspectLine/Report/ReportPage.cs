using System.Globalization;

namespace InspectLine;

/// <summary>Writes <c>report.html</c>: one file that needs no other, with style, charts and pictures inside.</summary>
/// <remarks>The page is well-formed XML, so that tests and tools can read it, and has no script.</remarks>
internal static class ReportPage
{
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static void Write(string path, ReportData data) => File.WriteAllText(path, Render(data));

    public static string Render(ReportData data)
    {
        string title = $"Inspection of {data.Clip}";
        double seconds = data.Log.Frames.Count / data.FrameRate;
        return $"""
            <!DOCTYPE html>
            <html lang="en" xmlns="http://www.w3.org/1999/xhtml">
            <head>
            <meta charset="utf-8"/>
            <meta name="viewport" content="width=device-width, initial-scale=1"/>
            <meta name="color-scheme" content="light dark"/>
            <title>{Html.Text(title)}</title>
            <style>{Style()}</style>
            </head>
            <body>
            <header>
            <p class="brand"><b>InspectLine</b> {Date(data)}</p>
            <h1>{Html.Text(title)}</h1>
            <p class="lead">{data.Log.Frames.Count} frames, {seconds:F1} s of {data.Format.Width} x {data.Format.Height} video
            at {Html.Number(data.FrameRate)} frames a second</p>
            {Notice(data)}
            </header>
            <main>
            {Headline(data)}
            <section>
            <h2>Parts over the line</h2>
            <p>Each part counts once, when its middle crosses the line at half the picture's width.
            Its class is what most of its detections say. Defects are hatched.</p>
            {Charts.Counts(data.Log.Crossings, data.Names, data.FrameRate, seconds)}
            {Legend(data)}
            </section>
            <section>
            <h2>Alarms</h2>
            {Gallery(data)}
            </section>
            {ReportTables.Check(data)}
            <section>
            <h2>Latency</h2>
            <p>{LatencyNote(data)}</p>
            {Charts.Latencies(data.Log.Latency)}
            {ReportTables.Stages(data.Statistics)}
            </section>
            {ReportTables.Facts(data)}
            </main>
            </body>
            </html>

            """;
    }

    private static string Style()
    {
        using Stream stream = typeof(ReportPage).Assembly.GetManifestResourceStream("report.css")!;
        using StreamReader reader = new(stream);
        return reader.ReadToEnd();
    }

    private static string Date(ReportData data) => data.Date.UtcDateTime.ToString("d MMMM yyyy, HH:mm 'UTC'", CultureInfo.InvariantCulture);

    private static string Notice(ReportData data) =>
        data.Incomplete is null ? "" : $"""<p class="notice"><strong>Incomplete.</strong> {Html.Text(data.Incomplete)}</p>""";

    private static string Headline(ReportData data)
    {
        InspectionLog log = data.Log;
        List<(string Value, string Unit, string Name)> tiles = [($"{log.Crossings.Count}", "", "parts counted"), ($"{log.AlarmCount}", "", "alarms")];
        if (data.Check is TruthCheck check)
        {
            tiles.Add(($"{check.AllDetections.Precision * 100:F1}", "%", "precision of detections"));
            tiles.Add(($"{check.AllDetections.Recall * 100:F1}", "%", "recall of detections"));
        }

        tiles.Add(($"{log.FramesPerSecond:F1}", "/s", "frames inspected"));
        tiles.Add(($"{log.Latency.Percentile(0.5):F0}", "ms", "latency, median"));
        tiles.Add(($"{log.Latency.Percentile(0.99):F0}", "ms", "latency, 99th percentile"));
        tiles.Add(($"{log.DroppedCount}", "", "frames dropped"));
        return $"""
            <dl class="tiles">
            {Html.Join(tiles, static tile => $"<div><dt>{tile.Name}</dt><dd>{tile.Value}<span>{tile.Unit}</span></dd></div>")}
            </dl>
            """;
    }

    private static string Legend(ReportData data)
    {
        IReadOnlyList<string> colors = ClassColors.For(data.Names);
        return $"""
            <ul class="legend">
            {Html.Join(Charts.StackOrder(data.Names), Entry)}
            </ul>
            """;

        string Entry(int id)
        {
            string name = data.Names[id];
            string kind = PartClasses.IsDefect(name) ? " class=\"defect\"" : "";
            int count = data.Log.Crossings.Count(crossing => crossing.ClassId == id);
            return $"""<li{kind}><i style="background-color:{colors[id]}"></i>{Html.Text(name)} <b>{count}</b></li>""";
        }
    }

    private static string Gallery(ReportData data)
    {
        if (data.AlarmPictures.Count == 0)
        {
            return data.Log.AlarmCount == 0 ? "<p>No defective part crossed the line.</p>"
                : data.IsLive ? "<p>There are no pictures of a live source.</p>"
                : "<p>The pictures could not be made.</p>";
        }

        return $"""
            <div class="gallery">
            {Html.Join(data.AlarmPictures, Figure)}
            </div>
            """;

        string Figure(AlarmPicture picture)
        {
            Crossing alarm = picture.Alarm;
            string name = Html.Text(data.Names[alarm.ClassId]);
            return $"""
                <figure>
                <img width="{picture.Width}" height="{picture.Height}" alt="Alarm {alarm.AlarmNumber}: {name}"
                    src="data:image/jpeg;base64,{Convert.ToBase64String(picture.Jpeg)}"/>
                <figcaption><strong>{alarm.AlarmNumber:000} {name}</strong><br/>
                {alarm.Frame / data.FrameRate:F2} s, frame {alarm.Frame}, {alarm.Certainty * 100:F0} % of votes</figcaption>
                </figure>
                """;
        }
    }

    private static string LatencyNote(ReportData data) => data.IsRealtime
        ? "Time from submitting a frame to its result, with frames coming at the clip's own rate."
        : "Time from submitting a frame to its result. This run was as fast as the machine can, so all slots were full and "
            + "every frame waited in line: read it as the "
            + "price of full load. With --realtime, frames come at the clip's own rate.";
}
