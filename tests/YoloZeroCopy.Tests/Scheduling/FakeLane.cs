using System.Collections.Concurrent;
using System.Runtime.InteropServices;

namespace YoloZeroCopy.Tests;

/// <summary>
/// A lane whose time, order and faults a test controls. Its "model" finds one object whose class is the number that <see cref="Stamp"/> wrote into
/// the frame.
/// </summary>
internal sealed class FakeLane : Lane
{
    private readonly Lock sync = new();
    private readonly Queue<LaneBatch> started = new();
    private readonly Action<FakeLane, LaneBatch>? onStart;
    private int registrations;

    /// <summary>With no action batches stay in flight until the test finishes them.</summary>
    public FakeLane(Action<FakeLane, LaneBatch>? onStart = null) => this.onStart = onStart;

    public bool IsDisposed { get; private set; }

    public int Started { get; private set; }

    public Exception? PrepareError { get; init; }

    /// <summary>What <see cref="IsOnDevice"/> says. Such a lane takes frames on the device, too, and locks registered memory.</summary>
    public bool OnDevice { get; init; }

    /// <summary>The device that it is of, of several.</summary>
    public int Device { get; init; }

    /// <summary>On which of several devices a frame in device memory lies.</summary>
    public Func<ExternalFrame, int>? HomeOf { get; init; }

    public override int DeviceIndex => Device;

    public override string DeviceName => $"fake:{Device}";

    /// <summary>What <see cref="StartsOnAnyThread"/> says.</summary>
    public bool NeedsDispatcher { get; init; }

    /// <summary>Registered memory that is locked now.</summary>
    public int Registrations => registrations;

    /// <summary>All memory that was registered.</summary>
    public ConcurrentQueue<(long Address, long ByteCount)> Registered { get; } = new();

    /// <summary>What <see cref="Check"/> throws.</summary>
    public Exception? CheckError { get; set; }

    public override bool IsOnDevice => OnDevice;

    public override bool StartsOnAnyThread => !NeedsDispatcher;

    public static void Stamp(FrameSlot slot, int number) => MemoryMarshal.Write(slot.Span, number);

    public override void Prepare(OpeningSteps steps)
    {
        if (PrepareError is not null)
        {
            throw PrepareError;
        }

        steps.Advance();
    }

    public override void Start(LaneBatch batch)
    {
        lock (sync)
        {
            Started++;
            if (onStart is null)
            {
                started.Enqueue(batch);
                return;
            }
        }

        onStart(this, batch);
    }

    public override IDisposable? Register(nint address, long byteCount)
    {
        _ = Interlocked.Add(ref registrations, OnDevice ? 1 : 0);
        Registered.Enqueue((address, byteCount));
        return OnDevice ? new Registration(this) : null;
    }

    public override ExternalFrame Check(in ExternalFrame frame, out int home)
    {
        home = frame.IsOnDevice && HomeOf is not null ? HomeOf(frame) : -1;
        if (CheckError is not null)
        {
            throw CheckError;
        }

        return OnDevice ? frame : base.Check(frame, out _);
    }

    /// <summary>Waits for the next batch that the dispatcher gave to this lane.</summary>
    public LaneBatch Next()
    {
        LaneBatch? batch = null;
        Assert.True(SpinWait.SpinUntil(
            () =>
            {
                lock (sync)
                {
                    return started.TryDequeue(out batch);
                }
            },
            TimeSpan.FromSeconds(60)));
        return batch!;
    }

    public static void Finish(LaneBatch batch)
    {
        for (int index = 0; index < batch.Count; index++)
        {
            Answer(batch, index);
        }

        batch.Complete(default);
    }

    public static void Answer(LaneBatch batch, int index)
    {
        int number = MemoryMarshal.Read<int>(batch.Pixels(index));
        batch.ReleaseFrame(index);
        batch.Detections(index)[0] = new Detection(number, 0.5f, 0, 0, 1, 1);
        batch.SetResult(index, 1);
    }

    public override void Dispose()
    {
        Assert.False(IsDisposed);
        IsDisposed = true;
    }

    private sealed class Registration(FakeLane lane) : IDisposable
    {
        public void Dispose() => Interlocked.Decrement(ref lane.registrations);
    }
}
