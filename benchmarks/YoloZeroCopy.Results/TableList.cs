namespace YoloZeroCopy.Results;

/// <summary>The tables of docs/performance.md.</summary>
internal static class TableList
{
    private static readonly (string Title, Func<BenchResult, string?> Cell) Engine =
        ("engine only, frames/s", static file => file.Short("engine_only_fps"));
    private static readonly (string Title, Func<BenchResult, string?> Cell) EndToEnd =
        ("end to end, frames/s", static file => file.Short("end_to_end_fps"));
    private static readonly (string Title, Func<BenchResult, string?> Cell) Ratio =
        ("ratio", static file => file.Ratio("ratio"));

    private static readonly (string Title, Func<BenchResult, string?> Cell) CpuTime =
        ("processor time a frame, the whole process", static file => file.Microseconds("cpu_us_per_frame"));

    private static readonly (string Title, Func<BenchResult, string?> Cell) Bytes =
        ("managed bytes a frame", static file => file.Short("managed_bytes_per_frame"));

    private static readonly (string Title, Func<BenchResult, string?> Cell) Copies =
        ("host copies a frame", static file => file.Short("host_copies_per_frame"));

    private static readonly (string Title, Func<BenchResult, string?> Cell) Single50 =
        ("one frame, submit to result, p50", static file => file.Microseconds("single_latency_us.p50"));

    private static readonly (string Title, Func<BenchResult, string?> Cell) Single99 =
        ("p99", static file => file.Microseconds("single_latency_us.p99"));

    private static readonly (string Title, Func<BenchResult, string?> Cell) OfTheLink =
        ("of what the link alone uploads", static file => file.Percent("link.pct_of_link"));

    public static IReadOnlyList<Table> All { get; } =
    [
        new BenchTable(
            "gpu-batches",
            [
                ("batch 1, Bgr24", "gpu/batch1-spin"), ("batch 8, Bgr24", "gpu/batch8"), ("batch 32, Bgr24", "gpu/batch32"),
                ("batch 32, Nv12", "gpu/batch32-nv12"),
            ],
            [
                Engine,
                ("end to end, uploads and suppression included, frames/s", EndToEnd.Cell),
                ("the link alone, frames/s, beside the engine", static file => file.LinkFps is double fps ? Numbers.Short(fps) : null),
                ("end to end / the smaller of engine and link", static file => file.OfTheSmaller is double ratio ? Numbers.Ratio(ratio) : null),
                CpuTime,
                Bytes,
                Copies,
                ("device bytes taken a frame", static file => file.Short("cuda.device_bytes_per_frame")),
            ]),
        new BenchTable(
            "gpu-single",
            [
                ("`WaitMode.Spin`", "gpu/batch1-spin"), ("with `AllowSynchronousContinuations`", "gpu/batch1-inline"),
                ("`WaitMode.Block`", "gpu/batch8"),
            ],
            [
                ("submit to result, p50", Single50.Cell),
                ("submit to result, p99", Single99.Cell),
                ("the engine on the device", static file => file.Microseconds("single.engine_device_us")),
                ("the upload on the device", static file => file.Microseconds("single.upload_device_us")),
                ("submit until the caller runs again, p50", static file => file.Microseconds("single.caller_us.p50")),
                ("caller / (engine + upload), on the device", static file => file.Ratio("single.ratio_to_device_sum")),
                ("caller / (engine + upload), waited for", static file => file.Ratio("single.ratio_to_host_sum")),
            ]),
        new BenchTable(
            "gpu-lanes-batch8",
            [.. new[] { 2, 4, 6, 8 }.Select(static lanes => ($"{lanes} lanes", $"gpu/lanes{lanes}-batch8-nv12"))],
            [Engine, EndToEnd, OfTheLink]),
        new BenchTable(
            "gpu-lanes-batch1",
            [.. new[] { 4, 6, 8, 12 }.Select(static lanes => ($"{lanes} lanes", $"gpu/lanes{lanes}-batch1"))],
            [Engine, EndToEnd]),
        new BenchTable(
            "gpu-processor-time",
            [
                ("Bgr24 1080p", "gpu/processor-1"), ("again", "gpu/processor-2"), ("again", "gpu/processor-3"),
                ("Nv12 1080p", "gpu/lanes6-batch8-nv12"), ("Nv12 720p", "gpu/720p-batch8"), ("Nv12 720p, batch 32", "gpu/720p-batch32"),
            ],
            [("processor time a frame", CpuTime.Cell)]),
        new BenchTable(
            "gpu-720p",
            [("batch 1", "gpu/720p-batch1"), ("batch 8", "gpu/720p-batch8"), ("batch 32", "gpu/720p-batch32")],
            [Engine, ("end to end, Nv12 720p, frames/s", EndToEnd.Cell), Ratio]),
        new BenchTable(
            "gpu-external",
            [("batch 8, Bgr24", "gpu/external-batch8"), ("batch 32, Nv12", "gpu/external-batch32-nv12")],
            [
                ("in slots, frames/s", static file => file.Short("external.slots_fps")),
                ("in registered memory, frames/s", static file => file.Short("external.registered_fps")),
                ("of slots", static file => file.Percent("external.registered_pct_of_slots")),
                ("on the device, frames/s", static file => file.Short("external.device_fps")),
                Engine,
                (
                    "on the device / engine only",
                    static file => file["external.device_fps"] / file["engine_only_fps"] is double ratio ? Numbers.Ratio(ratio) : null),
            ]),
        KernelTable("gpu-kernels", ("batch 1", "gpu/profile-batch1"), ("batch 8", "gpu/profile-batch8"), ("batch 32", "gpu/profile-batch32")),
        KernelTable(
            "gpu-kernels-onnxruntime",
            ("half precision", "gpu/profile-onnxruntime-half"), ("single precision", "gpu/profile-onnxruntime-single")),
        new BenchTable(
            "gpu-wait",
            [("Block", "gpu/batch8"), ("Yield", "gpu/wait-yield"), ("Spin", "gpu/wait-spin")],
            [EndToEnd, CpuTime, Single50, Single99]),
        new BenchTable("gpu-4k", [("3840x2160 Bgr24, batch 8", "gpu/4k-batch8")], [Engine, EndToEnd, OfTheLink]),
        new ItemTable(
            "gpu-transfer",
            "frames: width, height, format, mode",
            "gpu/transfer",
            "transfer_modes",
            [
                ("frames/s", static (file, path) => file.Short(path + ".fps")),
                ("a lone frame, p50", static (file, path) => file.Microseconds(path + ".lone_p50_us")),
                ("p99", static (file, path) => file.Microseconds(path + ".lone_p99_us")),
                ("processor time a frame", static (file, path) => file.Microseconds(path + ".cpu_us_per_frame")),
                (
                    "over the bus, of a frame's bytes",
                    static (file, path) =>
                        file[path + ".bus_bytes_per_frame"] / file[path + ".frame_bytes"] is double part ? Numbers.Ratio(part) : null),
                ("taking the slots", static (file, path) => file[path + ".take_ms"] is double time ? Numbers.Time(time, "ms") : null),
            ]),
        NppTable("gpu-npp-1080p"),
        NppTable("gpu-npp-4k"),
        new VideoTable("gpu-video-h264", "gpu/video-h264"),
        new VideoTable("gpu-video-hevc", "gpu/video-hevc"),
        new BenchTable(
            "gpu-onnxruntime",
            [("batch 1", "gpu/onnxruntime-batch1"), ("batch 8", "gpu/onnxruntime-batch8"), ("batch 32", "gpu/onnxruntime-batch32")],
            [Engine, EndToEnd, Ratio, OfTheLink, CpuTime, Bytes, Copies, Single50, Single99]),
        new GridTable("gpu-peers", "gpu/peers", "the same pictures and model"),
        new BenchTable(
            "cpu-pipeline",
            [("batch 1, 1 thread", "cpu/batch1-thread1"), ("batch 1", "cpu/batch1"), ("batch 8", "cpu/batch8")],
            [
                Engine, EndToEnd, Ratio, Single50, CpuTime,
                ("of the engine alone", static file => file.Microseconds("engine_only_cpu_us_per_frame")), Bytes, Copies,
            ]),
        new GridTable("cpu-peers", "cpu/peers", "the same pictures and model"),
        new GridTable("cpu-pool", "cpu/pool", "rent a slot and return it"),
        new GridTable("cpu-dispatcher", "cpu/dispatcher", "a frame's whole way, over a lane that computes nothing"),
        new GridTable("cpu-completion", "cpu/completion", "a result's way to who awaits it"),
        new GridTable("cpu-preprocessing", "cpu/preprocessing", "frame to 640x640"),
        new GridTable("cpu-decoding", "cpu/decoding", "output of 8,400 anchors x 80 classes"),
        new GridTable("cpu-suppression", "cpu/suppression", "suppression alone, 80 classes"),
        new GridTable("cpu-interop", "cpu/interop", "a call into native code"),
        new GridTable("cpu-tracker", "cpu/tracker", "objects in a frame"),
        new GridTable("cpu-sources", "cpu/sources", "a frame of a source"),
        new GridTable("cpu-video", "cpu/video", "a frame of a video through ffmpeg"),
        new GridTable("cpu-conveniences", "cpu/conveniences", "call"),
        new GridTable("cpu-results", "cpu/results", "reading 20 detections"),
    ];

    private static ListTable KernelTable(string name, params (string Title, string File)[] columns) => new(
        name,
        "share of all kernels' time",
        "profile.classes",
        columns,
        static (file, path) => file[path + ".share"] is double share ? $"{Numbers.Percent(100 * share)} ({file.Microseconds(path + ".us")})" : null);

    private static ItemTable NppTable(string name) => new(
        name,
        "frames: width, height, format",
        name.Replace("gpu-", "gpu/", StringComparison.Ordinal),
        "npp.rows",
        [
            ("the kernel", static (file, path) => file.Microseconds(path + ".kernel_us")),
            ("NPP", static (file, path) => file.Microseconds(path + ".npp_us")),
            ("the kernel, in a graph", static (file, path) => file.Microseconds(path + ".kernel_graph_us")),
            ("NPP, in a graph", static (file, path) => file.Microseconds(path + ".npp_graph_us")),
            ("NPP's functions", static (file, path) => file.Short(path + ".npp_functions")),
            ("levels apart, mean", static (file, path) => file.Short(path + ".mean_levels_apart")),
            ("at most", static (file, path) => file.Short(path + ".most_levels_apart")),
        ]);
}
