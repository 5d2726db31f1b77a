namespace YoloZeroCopy.Results.Tests;

/// <summary>Result files that nobody measured.</summary>
internal static class Made
{
    public static readonly Machine Machine = new(
        "A CPU", 8, null, null, "Some Linux", ".NET 10.0.1", "1.2.3+0123456789abcdef", 0.5, "2026-01-02T03:04:05Z");

    public static ResultFile File(params (string Name, Figure Figure)[] figures) =>
        new("made", Machine, new(figures.Select(static one => KeyValuePair.Create(one.Name, one.Figure)), StringComparer.Ordinal));

    public static Figure Time(double value, double? deviation) => new(value, "ns", Better.Lower, deviation);

    public static Figure Rate(double value, double? deviation) => new(value, "frames/s", Better.Higher, deviation);

    public static Figure Bytes(double value) => new(value, "B", Better.Lower);

    /// <summary>What <c>yzc bench --json</c> gives, cut down, with a rate of the whole way.</summary>
    public static string Bench(double fps, string device = "A GPU", string day = "2026-01-02") => $$$"""
        {"model":"m.onnx","batch":8,"engine_only_fps":2000.0,"end_to_end_fps":{{{fps}}},"ratio":0.5,
         "slices":{"engine_only_fps":[1990,2000,2010],"end_to_end_fps":[{{{fps - 2}}},{{{fps}}},{{{fps + 2}}}]},
         "latency_us":{"p50":1500.5},"single_latency_us":{"p50":443,"p99":1491.2},"cpu_us_per_frame":20.25,"managed_bytes_per_frame":0,
         "cuda":{"device":"{{{device}}}","driver":"580.1"},
         "link":{"upload_gb_s":50,"upload_beside_engine_gb_s":40,"pct_of_link":12.5,"link_fps":5000},
         "profile":{"batch":8,"classes":[
            {"name":"convolution 3x3","launches":39,"us":400.25,"share":0.8},{"name":"decoding","launches":1,"us":100,"share":0.2}]},
         "video clip.h264":{"rates":[
            {"streams":1,"decoded":{"fps":700.0},"detected":{"fps":690.0,"latency_us_p50":4400.0,"latency_us_p99":5800.0},"ratio":0.986},
            {"streams":32,"decoded":{"fps":5000.0},"detected":{"fps":4900.0},"ratio":0.98}]},
         "machine":{"os":"Some Linux","cpu":"A CPU","cores":16,"dotnet":".NET 10.0.1","version":"1.2.3+0123456789abcdef",
            "load":1.25,"date":"{{{day}}}T03:04:05Z"}}
        """;
}
