using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using YoloZeroCopy.Interop;

namespace YoloZeroCopy.Tests;

/// <summary>A hub over a detector that finds the bright square of a frame of samples/SharedFrames/producer.c, and says where it read the
/// frame.</summary>
internal sealed class SharedBed : IAsyncDisposable
{
    /// <summary>Far more than anything takes, on a busy machine too.</summary>
    public static readonly TimeSpan Long = TimeSpan.FromSeconds(120);

    public const int Places = 72;

    private const int Row = 100;

    private readonly int found;
    private long least = long.MaxValue;
    private long most;

    /// <param name="found">Detections of a frame.</param>
    public SharedBed(int found = 1)
    {
        this.found = found;
        Detector = YoloDetector.FromFunction(
            ModelInfo.OfClasses("square"), Find, new DetectorOptions { SlotBytes = Format.ByteCount, Slots = 1, MaxDetections = 2_000 });
        Hub = new SourceHub(Detector);
    }

    /// <summary>That of the C producer.</summary>
    public static FrameFormat Format { get; } = new(PixelFormat.Gray8, 640, 480);

    /// <summary>Options under which every frame is detected in, and no time is lost between producers.</summary>
    public static HubSourceOptions Patient => new()
    {
        Overflow = OverflowPolicy.Wait,
        RetryDelay = TimeSpan.FromTicks(1),
        MaxRetryDelay = TimeSpan.FromTicks(1),
    };

    public YoloDetector Detector { get; }

    public SourceHub Hub { get; }

    /// <summary>Frames detected in.</summary>
    public long Seen => Detector.Statistics.FramesCompleted;

    /// <summary>Draws the square at one of 72 places.</summary>
    public static void Draw(Span<byte> pixels, int place)
    {
        Span<byte> row = pixels.Slice(Row * Format.Width, Format.Width);
        row.Clear();
        row.Slice(place * 8, 64).Fill(255);
    }

    /// <summary>Whether all that was read lay in the mapping of shared memory of this process.</summary>
    public bool ReadSharedMemoryOnly()
    {
        foreach (string line in File.ReadLines("/proc/self/maps").Where(static line => line.Contains("/memfd:yzc-frames", StringComparison.Ordinal)))
        {
            string[] range = line.Split(' ')[0].Split('-');
            if (Volatile.Read(ref least) >= long.Parse(range[0], NumberStyles.HexNumber, CultureInfo.InvariantCulture)
                && Volatile.Read(ref most) <= long.Parse(range[1], NumberStyles.HexNumber, CultureInfo.InvariantCulture))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Sockets of a source: the one that listens, and one for each connection that was not let go of yet.</summary>
    public static int SocketsAt(string path) =>
        File.ReadLines("/proc/net/unix").Count(line => line.EndsWith($" {path}", StringComparison.Ordinal));

    /// <summary>Whether this process has memory of a source open or mapped.</summary>
    public static bool Holds(FileStatus memory) =>
        Directory.EnumerateFiles("/proc/self/fd").Any(file => FileStatus.TryRead(file, out FileStatus status) && status == memory)
            || File.ReadLines("/proc/self/maps").Any(line =>
                line.Contains("/memfd:yzc-frames", StringComparison.Ordinal) && line.Contains($" {memory.Number} ", StringComparison.Ordinal));

    public async ValueTask DisposeAsync()
    {
        await Hub.DisposeAsync().AsTask().WaitAsync(Long);
        await Detector.DisposeAsync();
    }

    private unsafe Detection[] Find(ReadOnlySpan<byte> pixels, FrameFormat format)
    {
        long address = (long)Unsafe.AsPointer(ref MemoryMarshal.GetReference(pixels));
        least = Math.Min(least, address);
        most = Math.Max(most, address + pixels.Length);
        if (format != Format)
        {
            return [];
        }

        int left = pixels.Slice(Row * format.Width, format.Width).IndexOf((byte)255);
        Array.Fill(Answer, new Detection(0, 0.9f, Math.Max(left, 0), Row, Math.Max(left, 0) + 64, Row + 64));
        return Answer;
    }

    private Detection[] Answer => field ??= new Detection[found];
}
