using System.Buffers;
using System.Collections.Immutable;
using System.Globalization;
using YoloZeroCopy.Cuda;

namespace YoloZeroCopy;

/// <summary>Finds objects in frames: rent a slot, write a frame into it, submit it, await the result.</summary>
/// <remarks>
/// Any thread may rent and submit, many at a time. Results of one source come in the order its frames were submitted. The detector owns its slots,
/// its engine and its threads; in steady state it allocates no managed memory and copies no frame on the host. Dispose it: one that nobody disposed
/// answers what it was given and is taken apart after the garbage collector found it, which may be late for memory that the collector does not see.
/// </remarks>
public sealed partial class YoloDetector : IDetector
{
    private static int opened;

    private readonly Pipeline pipeline;

    /// <param name="pipeline">The pipeline, started.</param>
    /// <param name="engine">The engine of its lanes; null where they are fakes.</param>
    /// <param name="resources">What is disposed after pipeline and engine, in this order.</param>
    /// <param name="model">The model.</param>
    /// <param name="name">The detector's name; null for a running number.</param>
    /// <param name="deviceName">The device as metrics name it: <c>cpu</c>, <c>cuda:0</c>.</param>
    /// <param name="device">The device, the engine, and why.</param>
    /// <param name="memory">What was planned.</param>
    internal YoloDetector(
        Pipeline pipeline, InferenceEngine? engine, IDisposable[] resources, ModelInfo model, string? name, string deviceName, string device,
            MemoryPlan memory)
    {
        Inspection = new DetectorInspection(pipeline, engine, [.. resources.OfType<CudaSharedResources>()]);
        Model = pipeline.Model = model;
        Name = name ?? Interlocked.Increment(ref opened).ToString(CultureInfo.InvariantCulture);
        Device = device;
        GraphChanges = engine?.GraphChanges ?? "none";
        Memory = memory;
        DetectorMetrics metrics = new(Name, deviceName, pipeline.Snapshot);
        pipeline.LatencyObserver = metrics.RecordLatency;
        pipeline.Tracing = new FrameTracing(Name, deviceName);
        pipeline.Own(engine is null ? [metrics, .. resources] : [metrics, engine, .. resources]);
        this.pipeline = pipeline;
    }

    /// <summary>
    /// For a detector that nobody disposed. The threads hold the pipeline, which owns everything, and not the detector, so that it can be collected.
    /// </summary>
    ~YoloDetector()
    {
        // Null when the constructor threw.
        if (pipeline is not null)
        {
            pipeline.Warnings.Say(
                $"Detector '{Name}' was not disposed; the garbage collector found it. Until then it kept its threads and its memory.");
            pipeline.Abandon();
        }
    }

    /// <summary>The model that was opened.</summary>
    public ModelInfo Model { get; }

    /// <summary>Input sizes that frames may run at, by rising area; <see cref="Model"/> is described at the largest.</summary>
    public ImmutableArray<ModelInputSize> InputSizes => pipeline.Sizes.All;

    /// <summary>What metrics call this detector: <see cref="DetectorOptions.Name"/>, or a running number.</summary>
    public string Name { get; }

    /// <summary>The device, the engine and, where <see cref="YoloZeroCopy.Device.Auto"/> chose, why.</summary>
    public string Device { get; }

    /// <summary>What was changed of the model's graph when it was opened, and what could not be changed and why; for reports. The file is as it
    /// was.</summary>
    public string GraphChanges { get; }

    /// <summary>What the detector has taken in memory.</summary>
    public MemoryPlan Memory { get; }

    /// <summary>
    /// The error that the detector cannot go on after; null while it takes frames. Frames are then refused with a <see
    /// cref="DetectorFaultedException"/>.
    /// </summary>
    public Exception? Fault => pipeline.FaultCause;

    /// <summary>Number of slots: as many frames can be rented or submitted, and not yet read, at one time.</summary>
    public int SlotCount => pipeline.Pool.SlotCount;

    /// <summary>Bytes of the largest frame that a slot can hold.</summary>
    public int SlotBytes => pipeline.Pool.SlotBytes;

    /// <summary>What the detector has done so far. Allocates; not for every frame.</summary>
    public DetectorStatistics Statistics => pipeline.Snapshot();

    /// <summary>
    /// Number of the CUDA device that the detector runs on, of several the first, for those who give it frames in device memory; null on the CPU.
    /// </summary>
    public int? CudaOrdinal => Inspection.Cuda?.Context.Device.Ordinal;

    /// <summary>Numbers of the CUDA devices that the detector runs on, in rising order, those that are lost among them; empty on the CPU.</summary>
    public ImmutableArray<int> CudaOrdinals => [.. Inspection.Devices.Select(static device => device.Context.Device.Ordinal)];

    /// <summary>
    /// Device memory for decoders whose frames this detector gets (<see cref="CudaJpegDecoderOptions.Memory"/>), so that sources that come and go
    /// take it over from each other, of several devices on the first; null on the CPU. What <see cref="DetectorOptions.ExpectedDecoders"/> asks for
    /// is there from the opening on, and up to 256 MiB more are kept while no decoder uses them. The detector disposes it.
    /// </summary>
    public CudaBlockPool? DecoderMemory => Inspection.Cuda?.DecoderMemory;

    /// <summary>
    /// The device for one decoder more: of several that work, the one that fewest are on. Its frames then run there, as frames on a device do, so
    /// that decoders share out the devices.
    /// </summary>
    /// <returns>The device; the caller disposes it when the decoder is disposed.</returns>
    /// <exception cref="InvalidOperationException">The detector does not run on CUDA.</exception>
    public DecoderDevice TakeDecoderDevice()
    {
        CudaSharedResources? best = null;
        foreach (CudaSharedResources device in Inspection.Devices)
        {
            bool isBetter = best is null || Volatile.Read(ref device.Decoders) < Volatile.Read(ref best.Decoders);
            best = isBetter && !pipeline.IsLost(device.Index) ? device : best;
        }

        best ??= Inspection.Cuda;
        return best is not null ? new DecoderDevice(best) : throw new InvalidOperationException(
            $"The detector runs on {Device}, which decodes nothing; open it with Device.Cuda(n).");
    }

    /// <summary>What is wrong and throws nothing is told here.</summary>
    internal Warnings Warnings => pipeline.Warnings;

    /// <summary>Whether its disposal has begun.</summary>
    internal bool IsDisposed { get; private set; }

    /// <summary>What it is made of, for measuring.</summary>
    internal DetectorInspection Inspection { get; }

    /// <summary>Rents a free slot, or returns false at once when there is none.</summary>
    /// <param name="format">Layout of the frame that will be written into it.</param>
    /// <param name="slot">The slot, the caller's until it is submitted or disposed.</param>
    /// <exception cref="ArgumentException">The format is the default value, or its frames are larger than a slot.</exception>
    /// <exception cref="ObjectDisposedException">The detector is disposed.</exception>
    /// <exception cref="DetectorFaultedException">The detector is faulted.</exception>
    public bool TryRent(in FrameFormat format, out FrameSlot slot) => pipeline.Pool.TryRent(format, out slot);

    /// <summary>Rents a free slot, waiting until one is given back: this is the back-pressure on a producer.</summary>
    /// <param name="format">Layout of the frame that will be written into it.</param>
    /// <param name="cancellationToken">Ends the wait; no slot is lost.</param>
    /// <returns>The slot, the caller's until it is submitted or disposed. Await it exactly once.</returns>
    /// <remarks>
    /// A wait that nothing can end, because every slot is rented and none submitted, is told to <see cref="DetectorOptions.Warning"/> after 10
    /// seconds, and in the exception when it is cancelled.
    /// </remarks>
    /// <exception cref="ArgumentException">The format is the default value, or its frames are larger than a slot.</exception>
    /// <exception cref="OperationCanceledException">The wait was cancelled.</exception>
    /// <exception cref="ObjectDisposedException">The detector is disposed, before or during the wait.</exception>
    /// <exception cref="DetectorFaultedException">The detector is faulted, before or during the wait.</exception>
    public ValueTask<FrameSlot> RentAsync(in FrameFormat format, CancellationToken cancellationToken = default) =>
        pipeline.Pool.RentAsync(format, cancellationToken);

    /// <summary>Hands a filled slot over for detection.</summary>
    /// <param name="slot">The slot; the detector's from here on, whatever becomes of the frame.</param>
    /// <param name="source">Number of the camera or file; results of one source keep its order.</param>
    /// <param name="capturedAt"><see cref="System.Diagnostics.Stopwatch.GetTimestamp"/> when the frame was captured, for <see
    /// cref="DetectorOptions.MaxFrameAge"/>; 0 means now.</param>
    /// <param name="cancellationToken">Ends the wait for this frame; its slot is not lost.</param>
    /// <returns>The result. Await it exactly once, and dispose it when read.</returns>
    /// <exception cref="ArgumentException">The slot is the default value or another detector's; it stays with its renter.</exception>
    /// <exception cref="InvalidOperationException">The slot is stale: it was submitted or disposed before. Or, from the task: it was awaited
    /// before.</exception>
    /// <exception cref="InferenceException">From the task: the engine failed on this frame.</exception>
    /// <exception cref="OperationCanceledException">From the task: cancelled.</exception>
    /// <exception cref="DetectorFaultedException">From the task: the detector met an error it cannot go on after.</exception>
    /// <exception cref="ObjectDisposedException">From the task: the detector was disposed before a lane took the frame.</exception>
    public ValueTask<DetectionResult> SubmitAsync(FrameSlot slot, int source = 0, long capturedAt = 0, CancellationToken cancellationToken = default)
    {
        if (!slot.BelongsTo(pipeline.Pool))
        {
            throw new ArgumentException("The slot was not rented from this detector; submit it to the one it is of.", nameof(slot));
        }

        return pipeline.Submit(slot, source, capturedAt, cancellationToken);
    }

    /// <summary>Hands a frame over that lies in memory of the caller's: it is read there, in registered host memory or on the GPU.</summary>
    /// <param name="frame">
    /// The frame. Its owner hears exactly once when its memory is free, whatever becomes of the frame and whatever the task brings; not only where
    /// this call throws an <see cref="ArgumentException"/>, which means that it was not taken.
    /// </param>
    /// <param name="source">Number of the camera or file; results of one source keep its order.</param>
    /// <param name="capturedAt"><see cref="System.Diagnostics.Stopwatch.GetTimestamp"/> when the frame was captured, for <see
    /// cref="DetectorOptions.MaxFrameAge"/>; 0 means now.</param>
    /// <param name="cancellationToken">Ends the wait for this frame. Its memory may still be read then; the owner hears when it is not.</param>
    /// <returns>The result. Await it exactly once, and dispose it when read.</returns>
    /// <remarks>
    /// Frames in slots and those of callers may be mixed, also in one batch; order, policies and statistics are the same. Nothing here waits or makes
    /// back-pressure: no more frames are on their way than the caller has buffers. A frame on the device costs a question to the driver.
    /// </remarks>
    /// <exception cref="ArgumentException">
    /// The frame is the default value, is larger than <see cref="SlotBytes"/> in registered memory, or lies where this detector cannot read it: on
    /// the device of another detector, in memory that CUDA does not know, or on a device while this detector runs on the processor.
    /// </exception>
    /// <exception cref="InvalidOperationException">From the task: it was awaited before.</exception>
    /// <exception cref="InferenceException">From the task: the engine failed on this frame.</exception>
    /// <exception cref="OperationCanceledException">From the task: cancelled.</exception>
    /// <exception cref="DetectorFaultedException">From the task: the detector met an error it cannot go on after.</exception>
    /// <exception cref="ObjectDisposedException">
    /// From the task: the registered memory was disposed, or the detector before a lane took the frame.
    /// </exception>
    public ValueTask<DetectionResult> SubmitAsync(
        in ExternalFrame frame, int source = 0, long capturedAt = 0, CancellationToken cancellationToken = default) =>
        pipeline.Submit(frame, source, capturedAt, cancellationToken);

    /// <summary>
    /// Gives the frames of one source a share, a queue, an age limit and a deadline of their own, and counts them. Frames of numbers that were not
    /// added have the detector's options.
    /// </summary>
    /// <param name="number">The number that its frames are submitted with.</param>
    /// <param name="options">What it is to get; null for the defaults: the newest frame waits, an equal share.</param>
    /// <returns>The source. Dispose it to remove it, at any time.</returns>
    /// <remarks>
    /// Any thread, while frames come. Frames of that number which are on their way are counted and answered as before. Slots are shared by all: with
    /// as many as it takes for every source's queue, every batch in a lane and what producers fill, no source takes a slot from another.
    /// </remarks>
    /// <exception cref="ArgumentException">An option is out of range, or contradicts another.</exception>
    /// <exception cref="InvalidOperationException">The number was added, and not removed.</exception>
    /// <exception cref="ObjectDisposedException">The detector is disposed.</exception>
    /// <exception cref="DetectorFaultedException">The detector is faulted.</exception>
    public FrameSource AddSource(int number, SourceOptions? options = null)
    {
        options = options is null ? new SourceOptions() : options with { };
        options.Validate();
        return pipeline.AddSource(number, options.ToSettings(), options.DeadlineMissed);
    }

    /// <summary>
    /// Makes memory of the caller's readable in place, such as the ring of a camera's SDK: on CUDA its pages are locked, on the CPU nothing is done.
    /// Once for each buffer or ring, at the start.
    /// </summary>
    /// <param name="address">First byte. Whole pages are locked, and two registrations must not share one: register a ring as one.</param>
    /// <param name="byteCount">Length in bytes.</param>
    /// <returns>The memory, for <see cref="ExternalFrame.InRegistered"/>. Dispose it before the memory is freed.</returns>
    /// <remarks>Slow on CUDA, about 0.3 s for each GiB, and it holds up other driver calls of the process meanwhile.</remarks>
    /// <exception cref="ArgumentOutOfRangeException">The address is 0, or the length not positive.</exception>
    /// <exception cref="YoloZeroCopy.Cuda.CudaException">
    /// The driver refused: the memory, or a page of it, is registered already, or is of a kind that cannot be locked, such as a device's own.
    /// </exception>
    /// <exception cref="ObjectDisposedException">The detector is disposed.</exception>
    /// <exception cref="DetectorFaultedException">The detector is faulted.</exception>
    public RegisteredMemory Register(nint address, long byteCount)
    {
        ArgumentOutOfRangeException.ThrowIfZero(address);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(byteCount);
        return new RegisteredMemory(address, byteCount, pipeline.Register(address, byteCount), pinned: default);
    }

    /// <summary>The same for managed memory, which is pinned until the registration is disposed.</summary>
    /// <param name="memory">The memory, not empty. Best of an array of its own, large enough for the ring.</param>
    /// <returns>The memory, for <see cref="ExternalFrame.InRegistered"/>.</returns>
    /// <exception cref="ArgumentException">The memory is empty.</exception>
    /// <inheritdoc cref="Register(nint, long)" path="/exception"/>
    public unsafe RegisteredMemory Register(Memory<byte> memory)
    {
        if (memory.IsEmpty)
        {
            throw new ArgumentException("Empty memory has nothing to register.", nameof(memory));
        }

        MemoryHandle pinned = memory.Pin();
        try
        {
            nint address = (nint)pinned.Pointer;
            return new RegisteredMemory(address, memory.Length, pipeline.Register(address, memory.Length), pinned);
        }
        catch
        {
            pinned.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Detects objects in pixels that lie elsewhere: rents a slot, copies them into it and submits it. Costs one host copy, which the statistics
    /// count.
    /// </summary>
    /// <param name="pixels">The frame, at least <see cref="FrameFormat.ByteCount"/> bytes; not read any more once the task is returned to the
    /// caller's await.</param>
    /// <param name="format">Its layout.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>The result. Dispose it when read.</returns>
    /// <exception cref="ArgumentException">Too few pixels, or a frame larger than a slot.</exception>
    public async ValueTask<DetectionResult> DetectAsync(
        ReadOnlyMemory<byte> pixels, FrameFormat format, CancellationToken cancellationToken = default)
    {
        format.ThrowIfNotWithin(pixels.Length, nameof(pixels));
        using FrameSlot slot = await RentAsync(format, cancellationToken).ConfigureAwait(false);
        pixels.Span[..format.ByteCount].CopyTo(slot.Span);
        pipeline.CountHostCopy();
        return await SubmitAsync(slot, cancellationToken: cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Refuses new frames, fails those that still wait, lets those that a lane has begun finish, lets every owner of a frame hear, and frees
    /// everything. Rented slots stay valid until they are given back, registered memory until it is disposed.
    /// </summary>
    /// <remarks>
    /// May be called any number of times and from any thread: every caller waits for the whole disposal, and hears what of it failed.
    /// </remarks>
    public ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        IsDisposed = true;
        return pipeline.DisposeAsync();
    }

    /// <summary>The same for a caller who cannot await: returns when everything is freed.</summary>
    /// <remarks>
    /// Waits for what lanes have begun, and for nothing of the caller's: no synchronisation context, no thread of the pool. In code that runs on the
    /// thread that brings results (<see cref="DetectorOptions.AllowSynchronousContinuations"/>, a listener) or tells an owner that its frame is free
    /// it begins the disposal and returns. Not for the function of a detector from <see cref="FromFunction"/>: that would wait for itself.
    /// </remarks>
    public void Dispose()
    {
        GC.SuppressFinalize(this);
        IsDisposed = true;
        pipeline.Dispose();
    }
}
