using System.Diagnostics;
using System.Runtime.CompilerServices;
using YoloZeroCopy.Cuda;

namespace YoloZeroCopy;

/// <summary>
/// A lane on a CUDA device. Frames on the host go up on the copy stream of all lanes; everything else runs on a compute stream that two lanes share,
/// where it can, as one graph.
/// </summary>
/// <remarks>
/// One thread at a time queues a batch, the dispatcher or the one that waits for results: a copy for each run of frames that lie side by side on the
/// host and one for the descriptors of all frames, the event <em>uploaded</em>, a wait for it on the compute stream, waits for those who write frames
/// on the device, the graph of the batch bucket, the event <em>done</em>. Two waiting threads answer: after <em>uploaded</em> slots and registered
/// memory go back, before inference ends; after <em>done</em> frames on the device go back, the results are read and the lane is free. While earlier
/// batches are on the device nobody waits for <em>uploaded</em>: the thread that waits for their results sees whether it has passed. Then the graph
/// ends at the candidates, with the event <em>scanned</em>, and the rest, up to <em>done</em>, is queued on the result stream: the batch behind this
/// one on the compute stream need not wait for it. It reads and writes only what is this lane's, which no other batch gets before <em>done</em>.
/// </remarks>
internal sealed unsafe class CudaLane : Lane
{
    private static readonly CudaProfilerName ReadName = new("read results");

    // What fills a bucket up where there are fewer frames: one pixel, read from the lane's own memory.
    private static readonly FrameFormat Filler = new(PixelFormat.Gray8, 1, 1);

    // Part of a frame's place that may go up for nothing.
    private const int MaxWaste = 16;

    private readonly CudaSharedResources device;
    private readonly CudaComputeStream compute;
    private readonly CudaLaneSizes sizes;
    private readonly CudaStream stream;
    private readonly CudaLaneMemory memory;
    private readonly CudaEvent uploaded;
    private readonly CudaEvent scanned;
    private readonly CudaEvent done;
    private readonly Action<Exception?> onUploaded;
    private readonly Action<Exception?> onDone;
    private readonly SemaphoreSlim slotsReleased = new(0);
    private readonly int[] byAddress;

    // In rising order of batches. Another array takes its place where a bucket is added.
    private volatile BatchBucket[] buckets = [];
    private LaneBatch? batch;
    private Exception? failure;
    private Exception? uploadError;
    private long startedAt;
    private bool startsOnAnyThread;

    public CudaLane(CudaSharedResources device, CudaComputeStream compute, in CudaLaneSizes sizes)
    {
        this.device = device;
        this.compute = compute;
        this.sizes = sizes;
        stream = compute.Stream;
        byAddress = new int[sizes.Batch];
        onUploaded = OnUploaded;
        onDone = OnDone;
        CudaEventOptions waiting = EventWaiter.OptionsFor(device.WaitMode) | CudaEventOptions.Timing;
        memory = new CudaLaneMemory(device.Context, sizes);
        try
        {
            uploaded = new CudaEvent(device.Context, waiting);
            scanned = new CudaEvent(device.Context);
            done = new CudaEvent(device.Context, waiting);
        }
        catch
        {
            scanned?.Dispose();
            uploaded?.Dispose();
            memory.Dispose();
            throw;
        }
    }

    public override bool IsOnDevice => true;

    public override int DeviceIndex => device.Index;

    public override string DeviceName => device.Name;

    /// <summary>A graph can be launched from any thread to which the context is current; what the engine binds to its thread cannot.</summary>
    public override bool StartsOnAnyThread => startsOnAnyThread;

    /// <summary>Why batches are not replays of one graph; null when they are. Known after <see cref="Prepare"/>.</summary>
    public string? GraphFallbackReason { get; private set; }

    /// <summary>Whether batches of some size are replays of a graph.</summary>
    public bool HasGraphs => Array.Exists(buckets, static bucket => bucket.Graph is not null);

    /// <summary>The stream that it computes on, with another lane.</summary>
    public CudaComputeStream ComputeStream => compute;

    public override int Preparations => device.Sizes.Sum(sized => ReadySizesOf(sized).Length);

    public override int MissingBatchSizes => device.Later?.Missing ?? 0;

    /// <summary>Makes and captures every batch bucket of every input size that the engine is compiled for.</summary>
    public override void Prepare(OpeningSteps steps)
    {
        try
        {
            PrepareBuckets(steps);
        }
        catch (Exception error) when (
            device.IsOneOfSeveral && error is CudaException or InferenceException or OutOfMemoryException)
        {
            throw DeviceException.OfOpening(device.Name, error);
        }
    }

    private void PrepareBuckets(OpeningSteps steps)
    {
        device.Context.MakeCurrent();
        device.CopyStream.Fill(new CUdeviceptr(memory.Frames), 0, (nuint)sizes.DeviceBytes);
        device.CopyStream.Synchronize();
        foreach (EngineAtSize sized in device.Sizes)
        {
            foreach (int size in ReadySizesOf(sized))
            {
                EngineContext context = compute.ContextFor(sized, size);
                BatchBucket bucket = new(sized, size, context);
                Add(bucket);
                PrepareBucket(bucket, context);
                steps.Advance();
            }
        }

        startsOnAnyThread = Array.TrueForAll(buckets, static bucket => bucket.Graph is not null);
    }

    /// <summary>
    /// Makes one more batch bucket while batches run: captured on another stream, since this lane's works, and never run before it is in place. One
    /// thread; the context is current.
    /// </summary>
    /// <exception cref="InferenceException">The engine refused.</exception>
    /// <exception cref="CudaException">The driver refused, or the capture was ended by what another thread did.</exception>
    public void Add(EngineAtSize sized, int size, LaterContexts contexts, CudaStream captureStream)
    {
        using EngineContext context = contexts.CreateContext((nint)compute.Input, (nint)compute.Output, stream.Handle.Value);
        BatchBucket bucket = new(sized, size, context: null);
        try
        {
            bucket.Graph = Capture(withResults: true);
            bucket.ScanGraph = sizes.HasResultStream ? Capture(withResults: false) : null;
        }
        catch
        {
            bucket.Dispose();
            throw;
        }

        Add(bucket);

        CudaGraphExec Capture(bool withResults)
        {
            using CudaGraph graph = Captures.Capture(captureStream, () => Enqueue(bucket, context, captureStream, withResults));
            return graph.Instantiate();
        }
    }

    public override void Start(LaneBatch batch)
    {
        this.batch = batch;
        failure = null;
        uploadError = null;
        startedAt = Stopwatch.GetTimestamp();
        if (device.IsOneOfSeveral)
        {
            // The dispatcher's thread begins batches on all devices.
            device.Context.MakeCurrent();
        }

        BatchBucket bucket = BucketFor(batch);
        bool isAlone = device.Results.IsIdle;
        TimelineBatch? moments = device.Timeline?.Next(this, batch);
        try
        {
            moments?.UploadStart.Record(device.CopyStream);
            Upload(batch, bucket, isAlone);
            moments?.UploadEnd.Record(device.CopyStream);
            uploaded.Record(device.CopyStream);
            stream.WaitFor(uploaded);
            WaitForWriters(batch);
            moments?.ComputeStart.Record(stream);

            // One that is alone has its results sooner without an event between streams.
            CudaStream last = Run(bucket, usesResultStream: sizes.HasResultStream && !isAlone);
            moments?.ComputeEnd.Record(last);
            moments?.StreamEnd.Record(stream);
            done.Record(last);
        }
        catch
        {
            // The frames' memory goes back when this is reported: nothing may read it any more.
            WaitForDevice();
            throw;
        }

        if (device.Results.IsIdle)
        {
            device.Uploads.Add(uploaded, onUploaded);
        }
        else
        {
            device.Results.Follow(uploaded, onUploaded);
        }

        device.Results.Add(done, onDone);
    }

    public override IDisposable Register(nint address, long byteCount)
    {
        try
        {
            return CudaPinnedMemory.Register(device.Context, (void*)address, (nuint)byteCount);
        }
        catch (CudaException error) when (error.Status is not CUresult.CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED
            and not CUresult.CUDA_ERROR_OUT_OF_MEMORY && !error.IsSticky)
        {
            // Frames are only read, and some cameras' memory is mapped for no more than that.
            return CudaPinnedMemory.Register(device.Context, (void*)address, (nuint)byteCount, CudaPinnedOptions.ReadOnly);
        }
    }

    public override ExternalFrame Check(in ExternalFrame frame, out int home) => DeviceFrames.Check(device, frame, out home);

    public override void Dispose()
    {
        // It adds buckets.
        device.Later?.Dispose();
        foreach (BatchBucket bucket in buckets)
        {
            bucket.Dispose();
        }

        done.Dispose();
        scanned.Dispose();
        uploaded.Dispose();
        memory.Dispose();
        slotsReleased.Dispose();
    }

    /// <returns>The stream on which the batch ends.</returns>
    private CudaStream Run(BatchBucket bucket, bool usesResultStream)
    {
        try
        {
            if (!usesResultStream)
            {
                Run(bucket.Graph, bucket, withResults: true);
                return stream;
            }

            Run(bucket.ScanGraph, bucket, withResults: false);
        }
        catch (InferenceException error)
        {
            // The frames fail, the lane goes on: what was queued before still runs, and its results are not read.
            failure = error;
            return stream;
        }

        scanned.Record(stream);
        device.ResultStream.WaitFor(scanned);
        EnqueueResults(device.ResultStream, bucket);
        return device.ResultStream;
    }

    private void Run(CudaGraphExec? graph, BatchBucket bucket, bool withResults)
    {
        if (graph is not null)
        {
            graph.Launch(stream);
        }
        else
        {
            Enqueue(bucket, bucket.Context!, stream, withResults);
        }
    }

    private void WaitForDevice()
    {
        try
        {
            device.CopyStream.Synchronize();
            stream.Synchronize();
            device.ResultStream.Synchronize();
        }
        catch (Exception error) when (error is CudaException or ObjectDisposedException)
        {
            // The first error is the one to report, and a device that fails here reads nothing any more.
        }
    }

    private void PrepareBucket(BatchBucket bucket, EngineContext context)
    {
        WarmUp(bucket, context);
        if (!context.CanCapture)
        {
            GraphFallbackReason ??= context.GraphFallbackReason;
            return;
        }

        bucket.Graph = Capture(bucket, context, withResults: true);
        if (bucket.Graph is not null && sizes.HasResultStream)
        {
            bucket.ScanGraph = Capture(bucket, context, withResults: false);
        }

        if (bucket.Graph is null || (sizes.HasResultStream && bucket.ScanGraph is null))
        {
            // What broke the capture is asked for once more, as CUDA reports it again to the next caller; after that the context runs without a
            // graph.
            bucket.Dispose();
            WarmUpAfterBrokenCapture(bucket, context);
        }
    }

    /// <summary>Captures a run and tries the graph; null, with <see cref="GraphFallbackReason"/> set, when no graph can hold it.</summary>
    private CudaGraphExec? Capture(BatchBucket bucket, EngineContext context, bool withResults)
    {
        if (TryCapture(bucket, context, withResults) is not CudaGraph captured)
        {
            return null;
        }

        using CudaGraph graph = captured;
        CudaGraphExec executable = graph.Instantiate();
        try
        {
            executable.Launch(stream);
            stream.Synchronize();
            return executable;
        }
        catch
        {
            executable.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Captures a run; null, with <see cref="GraphFallbackReason"/> set, when the engine does something that no graph can hold, such as waiting for
    /// the device.
    /// </summary>
    private CudaGraph? TryCapture(BatchBucket bucket, EngineContext context, bool withResults)
    {
        bool isBegun = false;
        try
        {
            return Captures.Capture(stream, () =>
            {
                isBegun = true;
                Enqueue(bucket, context, stream, withResults);
            });
        }
        catch (Exception error) when (isBegun && error is (InferenceException or CudaException { IsSticky: false }))
        {
            GraphFallbackReason ??= error.Message;
            return null;
        }
    }

    private void WarmUpAfterBrokenCapture(BatchBucket bucket, EngineContext context)
    {
        try
        {
            WarmUp(bucket, context);
        }
        catch (InferenceException)
        {
            WarmUp(bucket, context);
        }
    }

    // The first launch of a kernel may load it, which no capture allows.
    private void WarmUp(BatchBucket bucket, EngineContext context)
    {
        FillUp(0, bucket);
        UploadPictures(stream, bucket.Size);
        Enqueue(bucket, context, stream, withResults: true);
        stream.Synchronize();
    }

    // The largest is always among them.
    private int[] ReadySizesOf(EngineAtSize sized) => [.. sized.BatchSizes(sizes.Batch).Except(sized.Engine.LaterBatches)];

    private void Add(BatchBucket bucket) => buckets = [.. buckets.Append(bucket).OrderBy(static bucket => bucket.Size)];

    private EngineAtSize SizedOf(LaneBatch current) => device.Sizes[current.SizeIndex];

    private BatchBucket BucketFor(LaneBatch current)
    {
        EngineAtSize sized = SizedOf(current);
        foreach (BatchBucket bucket in buckets)
        {
            if (bucket.Sized == sized && bucket.Size >= current.Count)
            {
                return bucket;
            }
        }

        throw new InvalidOperationException($"A batch of {current.Count} frames is larger than the lane's largest bucket, {sizes.Batch}.");
    }

    private void Upload(LaneBatch current, BatchBucket bucket, bool isAlone)
    {
        ReadOnlySpan<int> order = ByAddress(current);
        ulong to = memory.Frames;
        int end;
        for (int start = 0; start < order.Length; start = end)
        {
            end = start + 1;
            while (end < order.Length && IsBehind(current, order[end - 1], order[end]))
            {
                end++;
            }

            nint from = current.Address(order[start]);
            long bytes = current.Address(order[end - 1]) + current.Format(order[end - 1]).ByteCount - from;
            device.CopyStream.CopyToDevice(new CUdeviceptr(to), (void*)from, (nuint)bytes);
            foreach (int index in order[start..end])
            {
                Describe(current, index, to + (ulong)(current.Address(index) - from));
            }

            to += (ulong)CudaLaneMemory.Align(bytes);
        }

        FillUp(current.Count, bucket);

        // Where the compute stream has nothing to do it takes the descriptors, beside the frames and not behind them.
        UploadPictures(isAlone ? stream : device.CopyStream, bucket.Size);
    }

    private void Describe(LaneBatch current, int index, ulong address, ulong chroma = 0)
    {
        FrameFormat format = current.Format(index);
        EngineAtSize sized = SizedOf(current);
        Letterbox letterbox = new(format.Width, format.Height, sized.Width, sized.Height);
        memory.HostPictures[index] = new KernelPicture(format, letterbox, address, chroma);
    }

    /// <summary>Whether a frame lies in a slot that the kernel reads where it is.</summary>
    private bool IsReadInPlace(LaneBatch current, int index) =>
        device.Slots is { IsReadInPlace: true } && current.External(index).Owner is null;

    /// <summary>
    /// The batch's frames that are copied, in the order of their addresses, so that those side by side go up in one copy: a call of the driver takes
    /// microseconds. Those that the kernel reads where they are are described here, and managed ones sent for.
    /// </summary>
    private ReadOnlySpan<int> ByAddress(LaneBatch current)
    {
        int count = 0;
        for (int index = 0; index < current.Count; index++)
        {
            ref readonly ExternalFrame external = ref current.External(index);
            if (external.IsOnDevice)
            {
                Describe(current, index, external.Address, external.SecondPlane);
                continue;
            }

            if (IsReadInPlace(current, index))
            {
                ulong address = device.Slots!.DeviceAddressOf(current.Address(index));
                Describe(current, index, address);
                if (device.Slots.Mode == TransferMode.Managed)
                {
                    device.CopyStream.Prefetch(new CUdeviceptr(address), (nuint)current.Format(index).ByteCount);
                }

                continue;
            }

            int place = count++;
            for (; place > 0 && current.Address(byAddress[place - 1]) > current.Address(index); place--)
            {
                byAddress[place] = byAddress[place - 1];
            }

            byAddress[place] = index;
        }

        return byAddress.AsSpan(0, count);
    }

    /// <summary>Whether a frame on the host lies so close behind another, in the same memory, that one copy takes both.</summary>
    /// <remarks>
    /// Not where much lies between them, which would cost the link more than a call, and only at a distance that keeps the frame aligned and within
    /// the lane's memory, which has a step for each.
    /// </remarks>
    private bool IsBehind(LaneBatch current, int frame, int next)
    {
        long distance = current.Address(next) - current.Address(frame);
        long between = distance - current.Format(frame).ByteCount;
        return current.External(frame).Memory == current.External(next).Memory && between >= 0 && between <= sizes.FrameStep / MaxWaste
            && distance <= sizes.FrameStep && distance % CudaLaneMemory.Alignment == 0;
    }

    private void WaitForWriters(LaneBatch current)
    {
        for (int index = 0; index < current.Count; index++)
        {
            nint ready = current.External(index).ReadyEvent;
            if (ready != 0)
            {
                stream.WaitFor(new CUevent(ready));
            }
        }
    }

    private void FillUp(int from, BatchBucket bucket)
    {
        Letterbox letterbox = new(1, 1, bucket.Sized.Width, bucket.Sized.Height);
        for (int index = from; index < bucket.Size; index++)
        {
            memory.HostPictures[index] = new KernelPicture(Filler, letterbox, memory.Frames);
        }
    }

    private void UploadPictures(CudaStream on, int count) => on.CopyToDevice(
        new CUdeviceptr(memory.Pictures), memory.HostPicturesAddress, (nuint)(count * Unsafe.SizeOf<KernelPicture>()));

    private DecodeParameters ParametersOf(DecodeKernels decode) =>
        decode.ParametersFor(memory.Pictures, compute.Output, memory.Scratch, memory.Results);

    private void Enqueue(BatchBucket bucket, EngineContext context, CudaStream on, bool withResults)
    {
        (int size, EngineAtSize sized) = (bucket.Size, bucket.Sized);
        if (device.Preprocess is CudaKernel preprocess)
        {
            KernelGrid grid = PreprocessKernel.GridOf(sized.Width, sized.Height, size);
            preprocess.Launch(
                on, new CudaSize(grid.X, grid.Y, grid.Z), new CudaSize(grid.Threads),
                new PreprocessParameters(memory.Pictures, compute.Input, sized.Width, sized.Height));
            context.Enqueue();
        }
        else
        {
            context.Enqueue(memory.Pictures);
        }

        sized.Decode.LaunchScan(on, device.Scan, ParametersOf(sized.Decode), size);
        if (withResults)
        {
            EnqueueResults(on, bucket);
        }
    }

    /// <summary>From candidates to results on the host.</summary>
    private void EnqueueResults(CudaStream on, BatchBucket bucket)
    {
        DecodeKernels decode = bucket.Sized.Decode;
        decode.LaunchRank(on, device.Rank, ParametersOf(decode), bucket.Size);
        on.CopyToHost(memory.HostResultsAddress, new CUdeviceptr(memory.Results), (nuint)bucket.Size * (nuint)decode.ResultBytes);
    }

    // On the uploads thread, or on the results thread before OnDone. After an error the slots stay with the batch: OnDone reports it, whether the
    // results thread meets one or not, and with that gives them back.
    private void OnUploaded(Exception? error)
    {
        uploadError = error;
        if (error is null)
        {
            LaneBatch current = batch!;
            for (int index = 0; index < current.Count; index++)
            {
                // What the kernel reads goes back with the batch.
                if (!current.External(index).IsOnDevice && !IsReadInPlace(current, index))
                {
                    current.ReleaseFrame(index);
                }
            }
        }

        slotsReleased.Release();
    }

    // On the results thread.
    private void OnDone(Exception? error)
    {
        // Nearly always long past; the two threads must not give back one slot twice.
        slotsReleased.Wait();
        LaneBatch current = batch!;
        error ??= uploadError;
        if (error is not null)
        {
            WaitForDevice();
            current.Fault(error);
            return;
        }

        long compute;
        try
        {
            compute = (long)(done.ElapsedSince(uploaded) * (Stopwatch.Frequency / 1000.0));
            using CudaProfilerRange range = CudaProfiler.Range(ReadName);
            for (int index = 0; index < current.Count; index++)
            {
                Read(current, index);
            }
        }
        catch (Exception unexpected)
        {
            // A fault of ours. Going on would be guessing, and letting it out would end the process.
            current.Fault(unexpected);
            return;
        }

        current.Complete(new StageTimes(compute, Upload: Math.Max(0, Stopwatch.GetTimestamp() - startedAt - compute)));
    }

    private void Read(LaneBatch current, int index)
    {
        if (failure is not null)
        {
            current.SetError(index, failure);
            return;
        }

        try
        {
            DecodeKernels decode = SizedOf(current).Decode;
            int count = decode.Read(memory.HostResult(index, decode.ResultBytes), current.Detections(index), out int cut);
            current.SetResult(index, count);
            current.CountCutCandidates(cut);
        }
        catch (InferenceException wrong)
        {
            current.SetError(index, wrong);
        }
    }
}
