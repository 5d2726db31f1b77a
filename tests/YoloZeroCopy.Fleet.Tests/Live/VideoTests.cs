using System.Net;

namespace YoloZeroCopy.Tests.Live;

/// <summary>Nodes that read videos, with a model on the processor.</summary>
public class VideoTests
{
    private static readonly string[] Cameras = ["belt0", "belt1"];

    [Fact]
    public async Task What_a_video_shows_arrives_and_its_camera_moves_when_its_node_is_told_to_stop_and_when_it_is_killed()
    {
        string[] folders =
            [Path.Combine(AppContext.BaseDirectory, "runtimes/linux-x64/native"), .. (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':')];
        Assert.SkipUnless(folders.Any(static folder => File.Exists(Path.Combine(folder, "ffmpeg"))), "there is no ffmpeg, which reads videos");
        await using LiveFleet fleet = new(probeSeconds: 2, model: Path.Combine(AppContext.BaseDirectory, "conveyor.onnx"));
        await fleet.StartServersAsync();
        await using FleetStreams streams = new(fleet.NatsUrl, LiveFleet.Cluster, "test", TimeSpan.FromDays(7));
        NodeProcess a = fleet.AddNode("a");
        NodeProcess b = fleet.AddNode("b");
        await fleet.TogetherAsync(a, b);
        foreach (string camera in Cameras)
        {
            using HttpResponseMessage answer = await LiveFleet.PutAsync(a, camera, Path.Combine(AppContext.BaseDirectory, "conveyor.mp4"));
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        }

        // Parts are on the belt from the first frame on: detections of each camera, and one alarm.
        await SeenAsync(streams, a, b);
        await Until.TrueAsync(
            () => Cameras.All(camera => fleet.Watcher.Alarms.Any(alarm => alarm.Camera == camera)), () => $"{a.Output}\n{b.Output}");
        FleetAlarm first = fleet.Watcher.Alarms.First(static alarm => alarm.Camera == Cameras[0]);
        Assert.Contains("came into view of camera belt0", first.Text, StringComparison.Ordinal);

        // Told to stop, and killed: the other node sees the same.
        b.Terminate();
        await b.ExitAsync();
        await SeenAsync(streams, a);
        b.Start();
        await fleet.TogetherAsync(a, b);
        a.Kill();
        await SeenAsync(streams, b);

        // What was in view while they moved is no alarm again, and nothing of a former owner was taken.
        Assert.All(
            fleet.Watcher.Alarms.GroupBy(static alarm => $"{alarm.Camera} {alarm.Key}"), static alarms => Assert.Single(alarms));
        Assert.Empty(fleet.Watcher.Violations);
    }

    /// <summary>Waits until the newest result of each camera is of one of some nodes, and shows something.</summary>
    private static Task SeenAsync(FleetStreams streams, params NodeProcess[] by)
    {
        HashSet<string> names = [.. by.Select(static node => node.Name)];
        return Until.TrueAsync(
            async () =>
            {
                foreach (string camera in Cameras)
                {
                    (FleetMessage Message, ulong Sequence)? newest =
                        await streams.LastAsync(streams.ResultStream, streams.ResultSubject(camera), CancellationToken.None);
                    if (newest?.Message is not { Kind: FleetMessage.ResultKind, Result.Detections.Length: > 0 } message
                        || !names.Contains(message.Node))
                    {
                        return false;
                    }
                }

                return true;
            },
            () => string.Join('\n', by.Select(static node => node.Output)));
    }
}
