using System.Collections.Immutable;
using YoloZeroCopy.Interop;

namespace YoloZeroCopy;

/// <summary>An execution context of TensorRT with profile and input shape set, as far as what it needs can be asked.</summary>
/// <remarks>One thread at a time, with the device's context current.</remarks>
internal sealed unsafe class TensorRtExecution : IDisposable
{
    private const int MaxReasonBytes = 4096;

    private readonly TrtHandle handle;
    private readonly TrtApi api;

    /// <summary>Makes it.</summary>
    /// <exception cref="InferenceException">TensorRT refused.</exception>
    public TensorRtExecution(TensorRtPlan plan, TensorRtDevice device, int profile, string input, ReadOnlySpan<long> shape, nint stream)
    {
        api = plan.Api;
        bool entered = false;
        plan.Handle.DangerousAddRef(ref entered);
        try
        {
            ulong value;
            Check(api.ContextCreate(plan.Handle.Value, &value));
            handle = new TrtHandle(value, api.ContextFree, plan.Handle);
        }
        finally
        {
            plan.Handle.DangerousRelease();
        }

        try
        {
            if (profile != 0)
            {
                // A new context has profile 0. The change is work on the stream, and an execution that is only asked goes at once: never before that
                // work has ended.
                Check(api.ContextSetProfile(handle.Value, profile, stream));
                device.Synchronize(stream);
            }

            TrtShape dimensions = new(shape);
            fixed (byte* name = Utf8.Terminated(input))
            {
                Check(api.ContextSetInputShape(handle.Value, name, &dimensions));
            }
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>Bytes of device memory that a run with this shape takes.</summary>
    public long RequiredMemory()
    {
        ulong bytes;
        Check(api.ContextRequiredMemory(handle.Value, &bytes));
        return checked((long)bytes);
    }

    /// <summary>Shape of a tensor; -1 for what is known only after a run.</summary>
    public ImmutableArray<long> ShapeOf(string tensor)
    {
        TrtShape shape = default;
        fixed (byte* name = Utf8.Terminated(tensor))
        {
            Check(api.ContextTensorShape(handle.Value, name, &shape));
        }

        return [.. shape.ToArray()];
    }

    /// <summary>Gives it the memory that runs work in; the caller keeps it alive.</summary>
    public void SetMemory(nint address, long bytes) => Check(api.ContextSetMemory(handle.Value, address, (ulong)bytes));

    /// <summary>Binds a tensor to memory of the caller's.</summary>
    public void SetAddress(string tensor, nint address)
    {
        fixed (byte* name = Utf8.Terminated(tensor))
        {
            Check(api.ContextSetAddress(handle.Value, name, address));
        }
    }

    /// <summary>Queues a run. Allocates no managed memory.</summary>
    /// <exception cref="InferenceException">TensorRT refused; the message has its words.</exception>
    public void Enqueue(nint stream) => Check(api.ContextEnqueue(handle.Value, stream));

    /// <summary>Why <see cref="Enqueue"/> cannot be captured into a graph; null when nothing is known that speaks against it.</summary>
    public string? CaptureRefusal()
    {
        int capturable;
        int length;
        byte* reason = stackalloc byte[MaxReasonBytes];
        *reason = 0;
        TrtStatus status = api.ContextCapturable(handle.Value, &capturable, reason, MaxReasonBytes, &length);
        if (status == TrtStatus.Buffer)
        {
            return Utf8.Read(reason, MaxReasonBytes);
        }

        Check(status);
        return capturable != 0 ? null : length > 0 ? Utf8.Read(reason, MaxReasonBytes) : "TensorRT says that it cannot be captured";
    }

    /// <summary>The device must be done with what was queued.</summary>
    public void Dispose() => handle.Dispose();

    private void Check(TrtStatus status) => TensorRtErrors.CheckRun(api, status);
}
