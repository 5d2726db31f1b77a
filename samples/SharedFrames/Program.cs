using YoloZeroCopy;

// The detector's process: SharedFrames SOCKET [FRAMES]. producer.c beside it is the camera's.
string socket = args.Length > 0 ? args[0] : "/tmp/camera.sock";
long wanted = args.Length > 1 ? long.Parse(args[1]) : long.MaxValue;
FrameFormat largest = new(PixelFormat.Gray8, 640, 480);

// Slots of its own the detector needs none of: frames lie in memory that both processes have mapped.
DetectorOptions options = new() { SlotBytes = largest.ByteCount, Slots = 1 };
await using YoloDetector detector = await YoloDetector.OpenAsync("samples/model/conveyor.onnx", options);
await using SourceHub hub = new(detector);
TaskCompletionSource done = new();
Console.CancelKeyPress += (_, key) => key.Cancel = done.TrySetResult();

long frames = 0;
HubSource camera = hub.AddShared(
    "camera",
    socket,
    (frame, result) =>
    {
        foreach (Detection found in result.Detections)
        {
            Console.WriteLine($"run {frame.Run}, frame {frame.Timestamp.TotalMilliseconds}: {found.ToString(result.Model)}");
        }

        if (++frames == wanted)
        {
            _ = done.TrySetResult();
        }

        return default;
    },
    options: new HubSourceOptions
    {
        Overflow = OverflowPolicy.Wait,
        StateChanged = (state, problem) => Console.WriteLine($"{state} {problem}".TrimEnd()),
    });

Console.WriteLine($"listening at {socket}");
await done.Task;
await camera.RemoveAsync(drain: true);
Console.WriteLine($"{camera.Statistics.FramesHandled} frames, {detector.Statistics.HostCopies} host copies");
