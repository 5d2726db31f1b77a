using System.Buffers;
using System.Runtime.InteropServices;

namespace YoloZeroCopy.Tests;

/// <summary>Registered memory is unlocked when no frame in it is to be read any more, and never before.</summary>
public sealed class RegisteredMemoryTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Disposal_waits_for_frames_in_flight_and_refuses_further_ones()
    {
        FakeLane lane = new() { OnDevice = true };
        using Ring ring = new(3);
        await using PipelineHarness harness = new([lane], maxBatch: 1);
        RegisteredMemory memory = ring.Register(harness.Pipeline);
        ValueTask<DetectionResult> running = harness.Pipeline.Submit(ring.InRegistered(memory, 0), 0, 0, default);
        LaneBatch batch = lane.Next();
        ValueTask<DetectionResult> waiting = harness.Pipeline.Submit(ring.InRegistered(memory, 1), 0, 0, default);
        Task[] disposals = [Task.Run(memory.Dispose), Task.Run(memory.Dispose)];

        // Refused from the moment on in which one of the two has begun.
        Exception? refused = null;
        while (refused is null)
        {
            using CancellationTokenSource cancel = new();
            ValueTask<DetectionResult> late = harness.Pipeline.Submit(ring.InRegistered(memory, 2), 0, 0, cancel.Token);
            await cancel.CancelAsync();
            refused = await Record.ExceptionAsync(async () => await late) as ObjectDisposedException;
            Assert.Equal(2, ring.Next());
        }

        Assert.All(disposals, static disposal => Assert.False(disposal.IsCompleted, "a frame in the memory is still to be read"));
        Assert.Equal(1, lane.Registrations);
        FakeLane.Finish(batch);
        batch = lane.Next();
        Assert.All(disposals, static disposal => Assert.False(disposal.IsCompleted, "a frame in the memory is still to be read"));
        FakeLane.Answer(batch, 0);
        await Task.WhenAll(disposals).WaitAsync(Patience);
        Assert.Equal(0, lane.Registrations);
        batch.Complete(default);
        (await running).Dispose();
        (await waiting).Dispose();
        memory.Dispose();
    }

    [Fact]
    public async Task An_owner_may_dispose_it_as_it_hears_of_its_last_frame_or_of_an_earlier_one()
    {
        FakeLane lane = new((_, batch) => FakeLane.Finish(batch)) { OnDevice = true };
        using Ring ring = new(2);
        await using PipelineHarness harness = new([lane], maxBatch: 1);
        RegisteredMemory memory = ring.Register(harness.Pipeline);
        ring.OnFree = _ => memory.Dispose();
        ValueTask<DetectionResult> first = harness.Pipeline.Submit(ring.InRegistered(memory, 0), 0, 0, default);
        ValueTask<DetectionResult> second = harness.Pipeline.Submit(ring.InRegistered(memory, 1), 0, 0, default);
        Assert.Equal(0, ring.Next());
        Assert.Equal(1, ring.Next());
        (await first).Dispose();
        _ = await Record.ExceptionAsync(async () => (await second).Dispose());
        await harness.Pipeline.DisposeAsync().AsTask().WaitAsync(Patience);
        Assert.Equal((0, 0, 0), (ring.Missing, ring.Surplus, lane.Registrations));
    }

    [Fact]
    public async Task Disposal_on_the_thread_that_brings_results_is_refused_while_it_would_wait_for_itself()
    {
        FakeLane lane = new();
        using Ring ring = new(2);
        await using PipelineHarness harness = new([lane], maxBatch: 1, allowSynchronousContinuations: true);
        using RegisteredMemory memory = ring.Register(harness.Pipeline);
        ValueTask<DetectionResult> first = harness.Pipeline.Submit(ring.InRegistered(memory, 0), 0, 0, default);
        ValueTask<DetectionResult> second = harness.Pipeline.Submit(ring.InRegistered(memory, 1), 0, 0, default);
        Task<Exception?> disposing = DisposeAsync();
        LaneBatch batch = lane.Next();
        await Task.Run(() => FakeLane.Finish(batch)).WaitAsync(Patience);
        Exception? error = await disposing.WaitAsync(Patience);
        Assert.Contains("brings results", Assert.IsType<InvalidOperationException>(error).Message, StringComparison.Ordinal);
        FakeLane.Finish(lane.Next());
        (await second).Dispose();

        async Task<Exception?> DisposeAsync()
        {
            (await first.ConfigureAwait(false)).Dispose();
            return Record.Exception(memory.Dispose);
        }
    }

    [Fact]
    public async Task It_outlives_its_detector_and_serves_another()
    {
        FakeLane first = new() { OnDevice = true };
        FakeLane second = new((_, batch) => FakeLane.Finish(batch)) { OnDevice = true };
        using Ring ring = new(1);
        await using PipelineHarness one = new([first]);
        await using PipelineHarness other = new([second]);
        RegisteredMemory memory = ring.Register(one.Pipeline);
        await one.Pipeline.DisposeAsync();
        Assert.Equal(1, first.Registrations);
        ring.Stamp(0, 12);
        using DetectionResult result = await other.Pipeline.Submit(ring.InRegistered(memory, 0), 0, 0, default);
        Assert.Equal(12, result.Detections[0].ClassId);
        memory.Dispose();
        Assert.Equal(0, first.Registrations);
    }

    [Fact]
    public async Task A_detector_over_a_function_reads_managed_memory_where_it_lies()
    {
        byte[] bytes = new byte[64];
        bytes[32] = 3;
        nint seen = 0;
        await using YoloDetector detector = YoloDetector.FromFunction(
            ModelInfo.OfClasses("a", "b", "c", "d"),
            (pixels, format) =>
            {
                unsafe
                {
                    fixed (byte* first = pixels)
                    {
                        seen = (nint)first;
                    }
                }

                return [new Detection(pixels[0], 0.5f, 0, 0, 1, 1)];
            });
        using Ring owner = new(1);
        using RegisteredMemory memory = detector.Register(bytes.AsMemory(16));
        Assert.Equal(48, memory.ByteCount);
        using (DetectionResult result = await detector.SubmitAsync(
            ExternalFrame.InRegistered(memory, 16, new FrameFormat(PixelFormat.Gray8, 16, 2), owner)))
        {
            Assert.Equal(3, result.Detections[0].ClassId);
        }

        Assert.Equal(memory.Address + 16, seen);
        Assert.Equal(0, owner.Next());
        Assert.Equal((0L, 0), (detector.Statistics.HostCopies, detector.Statistics.SlotsInUse));
        Assert.Throws<ArgumentException>(() => detector.Register(Memory<byte>.Empty));
        Assert.Throws<ArgumentOutOfRangeException>(() => detector.Register(0, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => detector.Register(1, 0));
    }

    [Fact]
    public async Task Memory_of_others_is_pinned_once_and_let_go_with_no_lock_held()
    {
        await using PipelineHarness harness = new([new FakeLane()]);
        await using YoloDetector detector = harness.Detector();
        PinnedElsewhere elsewhere = new();
        RegisteredMemory memory = detector.Register(elsewhere.Memory);
        bool isFree = false;
        elsewhere.OnUnpin = () =>
        {
            isFree = Task.Run(memory.TryEnter).Wait(Patience);

            // Nor does it wait for itself.
            memory.Dispose();
        };
        await Task.WhenAll(Task.Run(memory.Dispose), Task.Run(memory.Dispose)).WaitAsync(Patience);
        Assert.True(isFree, "the lock was held");
        Assert.Equal((1, 1), (elsewhere.Pinned, elsewhere.Unpinned));
    }

    private sealed class PinnedElsewhere : MemoryManager<byte>
    {
        private readonly byte[] bytes = GC.AllocateArray<byte>(64, pinned: true);

        public int Pinned { get; private set; }

        public int Unpinned { get; private set; }

        public Action? OnUnpin { get; set; }

        public override Span<byte> GetSpan() => bytes;

        public override unsafe MemoryHandle Pin(int elementIndex = 0)
        {
            Pinned++;
            return new MemoryHandle((void*)Marshal.UnsafeAddrOfPinnedArrayElement(bytes, elementIndex), pinnable: this);
        }

        public override void Unpin()
        {
            Unpinned++;
            OnUnpin?.Invoke();
        }

        protected override void Dispose(bool disposing)
        {
        }
    }
}
