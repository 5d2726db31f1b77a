using System.Collections.Concurrent;
using System.Diagnostics;

namespace YoloZeroCopy.Tests;

/// <summary>
/// A pipeline over fake lanes in virtual time: cameras and lanes are events of one queue, on one thread. The pipeline is the real one, but for its
/// dispatcher, whose part this plays: a run is the same every time.
/// </summary>
internal sealed class VirtualSite : IAsyncDisposable
{
    private readonly VirtualClock clock = new();
    private readonly PriorityQueue<Action, (long Time, long Order)> events = new();
    private readonly Queue<LaneBatch> started = new();
    private readonly Func<int, TimeSpan> service;
    private readonly Func<int, TimeSpan>? serviceOfSize;
    private readonly Func<int, int, TimeSpan?>? serviceOnDevice;
    private readonly PipelineHarness harness;
    private readonly List<Task> consumers = [];
    private readonly ConcurrentQueue<Answer> answers = new();
    private readonly List<int[]> batches = [];
    private readonly List<DeadlineMiss> misses = [];
    private long order;

    /// <param name="lanes">Number of lanes.</param>
    /// <param name="maxBatch">Largest batch.</param>
    /// <param name="slots">Number of slots.</param>
    /// <param name="service">Time that a lane takes for a batch of so many frames.</param>
    /// <param name="overflow">The detector's own policy.</param>
    /// <param name="queueCapacity">Frames of one source that may wait.</param>
    /// <param name="maxFrameAge">The detector's own limit.</param>
    /// <param name="maxBatchDelay">How long batches wait for company.</param>
    /// <param name="latencyGoal">The detector's goal.</param>
    /// <param name="sizes">The detector's input sizes.</param>
    /// <param name="serviceOfSize">Time that a lane takes for a batch of an input size, in place of the other; null for the other.</param>
    /// <param name="devices">Devices, each with so many lanes.</param>
    /// <param name="serviceOnDevice">
    /// Time that a lane of a device takes for a batch of so many frames, in place of the others; null for a batch that never ends.
    /// </param>
    /// <param name="homeOf">The device that a frame in device memory lies on.</param>
    /// <param name="warning">Hears warnings.</param>
    public VirtualSite(
        int lanes,
        int maxBatch,
        int slots,
        Func<int, TimeSpan> service,
        OverflowPolicy overflow = OverflowPolicy.DropOldest,
        int queueCapacity = 1,
        TimeSpan maxFrameAge = default,
        TimeSpan maxBatchDelay = default,
        TimeSpan latencyGoal = default,
        InputSizes? sizes = null,
        Func<int, TimeSpan>? serviceOfSize = null,
        int devices = 1,
        Func<int, int, TimeSpan?>? serviceOnDevice = null,
        Func<ExternalFrame, int>? homeOf = null,
        Action<string>? warning = null)
    {
        this.service = service;
        this.serviceOfSize = serviceOfSize;
        this.serviceOnDevice = serviceOnDevice;
        harness = new PipelineHarness(
            [.. Enumerable.Range(0, devices * lanes).Select(number => new FakeLane((_, batch) => started.Enqueue(batch))
            {
                Device = number % devices,
                HomeOf = homeOf,
                OnDevice = homeOf is not null,
            })],
            slots, maxBatch, overflow, queueCapacity, maxFrameAge, maxBatchDelay, allowSynchronousContinuations: true, warning: warning, clock: clock,
            latencyGoal: latencyGoal, sizes: sizes);
    }

    /// <summary>What became of a frame. The times are those of its capture and of its end.</summary>
    internal readonly record struct Answer(
        int Source, int Tag, long Sequence, FrameStatus Status, TimeSpan CapturedAt, TimeSpan EndedAt, Exception? Error)
    {
        public TimeSpan Age => EndedAt - CapturedAt;
    }

    public PipelineHarness Harness => harness;

    public TimeSpan Now => Stopwatch.GetElapsedTime(0, clock.Time);

    /// <summary>In the order in which they came.</summary>
    public IEnumerable<Answer> Answers => answers;

    /// <summary>The sources of each batch, in the order in which they began.</summary>
    public IReadOnlyList<int[]> Batches => batches;

    /// <summary>The input size of each, as its place among the detector's.</summary>
    public List<int> BatchSizes { get; } = [];

    /// <summary>The device of each, and when it began.</summary>
    public List<(int Device, TimeSpan At)> Places { get; } = [];

    /// <summary>Batches that never end by themselves.</summary>
    public List<LaneBatch> Stuck { get; } = [];

    /// <summary>Told of each batch as it begins.</summary>
    public Action<LaneBatch>? OnBatch { get; set; }

    public int Submitted { get; private set; }

    /// <summary>Adds a source; its misses are in <see cref="Misses"/>.</summary>
    public FrameSource AddSource(int number, SourceOptions options)
    {
        options.Validate();
        return harness.Pipeline.AddSource(number, options.ToSettings(), options.Deadline == TimeSpan.Zero ? null : misses.Add);
    }

    public IReadOnlyList<DeadlineMiss> Misses => misses;

    /// <summary>Frames that found no slot.</summary>
    public int Refused { get; private set; }

    public void At(TimeSpan time, Action action) => events.Enqueue(action, (SourceSettings.Ticks(time), order++));

    /// <summary>A camera: a frame every period, from a time until it is told to stop.</summary>
    public void Camera(int source, TimeSpan first, TimeSpan period, TimeSpan end, int tag = 0, FrameFormat? format = null) => At(first, () =>
    {
        Submit(source, tag: tag, format: format);
        TimeSpan next = first + period;
        if (next < end)
        {
            Camera(source, next, period, end, tag, format);
        }
    });

    public void Submit(
        int source, TimeSpan age = default, int tag = 0, FrameFormat? format = null, CancellationToken cancellationToken = default)
    {
        if (!harness.Pool.TryRent(format ?? PipelineHarness.Format, out FrameSlot slot))
        {
            Refused++;
            return;
        }

        Submitted++;
        TimeSpan capturedAt = Now - age;
        FakeLane.Stamp(slot, source);
        consumers.Add(ConsumeAsync(
            harness.Pipeline.Submit(slot, source, Math.Max(1, SourceSettings.Ticks(capturedAt)), cancellationToken), source, tag, capturedAt));
    }

    /// <summary>Lets everything happen until a time.</summary>
    public void Run(TimeSpan until) => RunTicks(SourceSettings.Ticks(until));

    /// <summary>Gives idle lanes what was submitted outside of an event.</summary>
    public void Settle() => Dispatch();

    /// <summary>Lets all that is on its way end.</summary>
    public async Task DrainAsync()
    {
        RunTicks(long.MaxValue);
        await Task.WhenAll(consumers).WaitAsync(TimeSpan.FromSeconds(120));
    }

    public ValueTask DisposeAsync()
    {
        foreach (LaneBatch batch in Stuck.Where(static batch => batch.Count > 0).Distinct())
        {
            FakeLane.Finish(batch);
        }

        return harness.DisposeAsync();
    }

    private void RunTicks(long end)
    {
        while (events.TryPeek(out _, out (long Time, long Order) key) && key.Time <= end)
        {
            clock.Time = Math.Max(clock.Time, key.Time);
            events.Dequeue()();
            Dispatch();
        }

        clock.Time = end == long.MaxValue ? clock.Time : Math.Max(clock.Time, end);
    }

    private async Task ConsumeAsync(ValueTask<DetectionResult> frame, int source, int tag, TimeSpan capturedAt)
    {
        try
        {
            using DetectionResult result = await frame.ConfigureAwait(false);
            if (!result.IsDropped)
            {
                Assert.Equal(source, Assert.Single(result.Detections.ToArray()).ClassId);
            }

            answers.Enqueue(new Answer(source, tag, result.Sequence, result.Status, capturedAt, Now, Error: null));
        }
        catch (Exception error) when (error is not Xunit.Sdk.XunitException)
        {
            answers.Enqueue(new Answer(source, tag, -1, FrameStatus.Completed, capturedAt, Now, error));
        }
    }

    // Gives idle lanes all that waits.
    private void Dispatch()
    {
        while (harness.Pipeline.DispatchOne())
        {
            while (started.TryDequeue(out LaneBatch? batch))
            {
                OnBatch?.Invoke(batch);
                BatchSizes.Add(batch.SizeIndex);
                Assert.All(batch.Frames.ToArray(), frame => Assert.Equal(batch.SizeIndex, frame.SizeIndex));
                batches.Add([.. batch.Frames.ToArray().Select(static frame => frame.Source)]);
                Places.Add((batch.Device.Index, Now));
                TimeSpan? time = serviceOnDevice is not null
                    ? serviceOnDevice(batch.Device.Index, batch.Count) : serviceOfSize?.Invoke(batch.SizeIndex) ?? service(batch.Count);
                if (time is TimeSpan known)
                {
                    At(Now + known, () => FakeLane.Finish(batch));
                }
                else
                {
                    Stuck.Add(batch);
                }
            }
        }

        long next = harness.Pipeline.NextDispatchAt;
        if (next != long.MaxValue)
        {
            // Looked at anew then: another frame may have come, or taken this one's place.
            events.Enqueue(static () => { }, (next, order++));
        }
    }

    private sealed class VirtualClock : TimeProvider
    {
        // Not 0, which is no time of a frame's.
        private long time = 1;

        public long Time
        {
            get => Volatile.Read(ref time);
            set => Volatile.Write(ref time, value);
        }

        public override long TimestampFrequency => Stopwatch.Frequency;

        public override long GetTimestamp() => Time;
    }
}
