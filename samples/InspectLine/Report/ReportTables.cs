using YoloZeroCopy;

namespace InspectLine;

/// <summary>The report's tables.</summary>
internal static class ReportTables
{
    /// <summary>Precision and recall by class and of the alarms.</summary>
    public static string Check(ReportData data)
    {
        if (data.Check is not TruthCheck check)
        {
            return "";
        }

        string verdict = check.ReachesBar
            ? $"""<p class="verdict good">All figures reach the bar of {TruthCheck.Bar:P0}.</p>"""
            : $"""<p class="verdict bad">Some figures are under the bar of {TruthCheck.Bar:P0}.</p>""";
        return $"""
            <section>
            <h2>Against the ground truth</h2>
            <p>{check.FrameCount} frames compared. A detection is right when it overlaps a part of its class by {TruthCheck.LeastOverlap:F1} or more
            (intersection over union); parts less than {TruthObject.LeastVisible:P0} visible or smaller than {TruthObject.LeastSize:F0} pixels are
            left out. An alarm is right when a defective part of its class crosses the line within
            {TruthCheck.AlarmToleranceFrames} frames of it.</p>
            {verdict}
            <div class="wide"><table>
            <thead><tr><th scope="col">Class</th><th scope="col">Right</th><th scope="col">False</th><th scope="col">Missed</th>
            <th scope="col">Precision</th><th scope="col">Recall</th></tr></thead>
            <tbody>
            {Html.Join(check.Detections, entry => Row(data.Names[entry.Key], entry.Value))}
            {Row("All detections", check.AllDetections, "sum")}
            </tbody>
            <tbody>
            {Html.Join(check.Alarms, entry => Row("Alarm: " + data.Names[entry.Key], entry.Value))}
            {Row("All alarms", check.AllAlarms, "sum")}
            </tbody>
            </table></div>
            </section>
            """;
    }

    /// <summary>Where the time of a batch went.</summary>
    public static string Stages(DetectorStatistics statistics)
    {
        double batches = Math.Max(1, statistics.Batches);
        double frames = Math.Max(1, statistics.FramesCompleted);
        return $"""
            <dl class="facts">
            <div><dt>Frames in a batch</dt><dd>{frames / batches:F1} on average</dd></div>
            <div><dt>Waiting for the engine</dt><dd>{statistics.QueueTime.TotalMilliseconds / frames:F1} ms a frame</dd></div>
            {Stage("Upload to the device", statistics.UploadTime)}{Stage("Preprocessing", statistics.PreprocessTime)}
            {Stage("Inference", statistics.InferenceTime)}{Stage("Decoding and NMS", statistics.DecodeTime)}
            <div><dt>From frame to detections</dt><dd>{statistics.ComputeTime.TotalMilliseconds / frames:F1} ms a frame</dd></div>
            </dl>
            """;

        // A device tells some of them apart, and others not.
        string Stage(string name, TimeSpan? time) =>
            time is TimeSpan known ? $"<div><dt>{name}</dt><dd>{known.TotalMilliseconds / frames:F2} ms a frame</dd></div>{Environment.NewLine}" : "";
    }

    /// <summary>Machine, model and run.</summary>
    public static string Facts(ReportData data)
    {
        (string Name, string Value)[] facts =
        [
            ("Model", $"{Path.GetFileName(data.Model.Path)}, {data.Model.ClassCount} classes, input "
                + $"{data.Model.InputWidth} x {data.Model.InputHeight}"),
            ("Device", data.Device),
            ("Processor", Machine.Processor),
            ("System", Machine.System),
            ("Mode", data.IsRealtime ? "realtime: frames at the clip's rate, late ones dropped"
                : "fast: as many frames as the machine can, none dropped"),
            ("Frames", $"{data.Statistics.FramesSubmitted} submitted, {data.Statistics.FramesCompleted} inspected, {data.Statistics.FramesDropped} "
                + $"dropped, {data.Statistics.FramesFailed} failed"),
            ("Slots", $"{data.Statistics.SlotCount} of {data.Format.ByteCount / 1048576.0:F1} MiB; frames were decoded straight into "
                + $"them, {data.Statistics.HostCopies} copied"),
        ];
        return $"""
            <section>
            <h2>Run</h2>
            <dl class="facts">
            {Html.Join(facts, static fact => $"<div><dt>{fact.Name}</dt><dd>{Html.Text(fact.Value)}</dd></div>")}
            </dl>
            </section>
            """;
    }

    private static string Row(string name, Score score, string kind = "") => $"""
        <tr class="{kind}"><th scope="row">{Html.Text(name)}</th><td>{score.Right}</td><td>{score.False}</td><td>{score.Missed}</td>
        {Share(score.Precision, score.Right + score.False)}{Share(score.Recall, score.Right + score.Missed)}</tr>
        """;

    private static string Share(double share, int outOf) => outOf == 0
        ? "<td>&#8211;</td>"
        : $"""
            <td><span class="share{(share < TruthCheck.Bar ? " low" : "")}"><i style="width:{share * 100:F1}%"></i></span>
            <span class="value">{share * 100:F1} %</span></td>
            """;
}
