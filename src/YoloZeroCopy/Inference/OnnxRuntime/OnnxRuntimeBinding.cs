using System.Collections.Immutable;
using YoloZeroCopy.Interop;

namespace YoloZeroCopy;

/// <summary>One IO binding of a session: input and output bound to memory once, then run any number of times.</summary>
/// <remarks>Used by one thread at a time. Outputs that are not bound are not fetched and cost nothing.</remarks>
internal sealed unsafe class OnnxRuntimeBinding : IDisposable
{
    private readonly OrtApi* api;
    private readonly OrtHandle session;
    private readonly List<OrtHandle> owned = [];
    private readonly nint memoryInfo;
    private readonly nint runOptions;
    private readonly nint binding;
    private bool disposed;

    private OnnxRuntimeBinding(OnnxRuntimeLibrary library, OrtHandle session, int? cudaDevice)
    {
        const int DeviceAllocator = 0;
        const int ArenaAllocator = 1;
        const int DefaultMemory = 0;
        api = library.Api;
        this.session = session;
        bool entered = false;
        session.DangerousAddRef(ref entered);
        try
        {
            nint value;
            api->CreateIoBinding(session.Value, &value).ThrowIfFailed(api);
            binding = Own(value, api->ReleaseIoBinding, session);
            if (cudaDevice is int ordinal)
            {
                fixed (byte* name = "Cuda"u8)
                {
                    api->CreateMemoryInfo(name, DeviceAllocator, ordinal, DefaultMemory, &value).ThrowIfFailed(api);
                }
            }
            else
            {
                api->CreateCpuMemoryInfo(ArenaAllocator, DefaultMemory, &value).ThrowIfFailed(api);
            }

            memoryInfo = Own(value, api->ReleaseMemoryInfo);
            api->CreateRunOptions(&value).ThrowIfFailed(api);
            runOptions = Own(value, api->ReleaseRunOptions);
        }
        catch
        {
            Dispose();
            throw;
        }
        finally
        {
            session.DangerousRelease();
        }
    }

    /// <summary>Makes an empty binding that keeps the session open; tensors lie in the process's memory.</summary>
    /// <exception cref="ObjectDisposedException">The session is closed.</exception>
    public static OnnxRuntimeBinding OnCpu(OnnxRuntimeLibrary library, OrtHandle session) => new(library, session, null);

    /// <summary>Makes an empty binding that keeps the session open; tensors lie in the memory of a CUDA device.</summary>
    /// <exception cref="ObjectDisposedException">The session is closed.</exception>
    public static OnnxRuntimeBinding OnCuda(OnnxRuntimeLibrary library, OrtHandle session, int deviceOrdinal) => new(library, session, deviceOrdinal);

    /// <summary>Sets an option of the runs that follow; both texts are literals, which end with a zero byte.</summary>
    public void SetRunOption(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        fixed (byte* keyText = key, valueText = value)
        {
            api->AddRunConfigEntry(runOptions, keyText, valueText).ThrowIfFailed(api);
        }
    }

    /// <summary>Binds an input to memory that the caller owns.</summary>
    public void BindInput(string name, TensorElementType type, ReadOnlySpan<long> shape, nint address)
    {
        nint tensor = CreateTensor(type, shape, address);
        fixed (byte* text = Utf8.Terminated(name))
        {
            api->BindInput(binding, text, tensor).ThrowIfFailed(api);
        }
    }

    /// <summary>Binds an output to memory that the caller owns.</summary>
    public void BindOutput(string name, TensorElementType type, ReadOnlySpan<long> shape, nint address)
    {
        nint tensor = CreateTensor(type, shape, address);
        fixed (byte* text = Utf8.Terminated(name))
        {
            api->BindOutput(binding, text, tensor).ThrowIfFailed(api);
        }
    }

    /// <summary>Lets the runtime allocate an output of a size that is not known yet.</summary>
    public void BindOutput(string name)
    {
        fixed (byte* text = Utf8.Terminated(name))
        {
            api->BindOutputToDevice(binding, text, memoryInfo).ThrowIfFailed(api);
        }
    }

    /// <summary>Runs the model. Allocates no managed memory.</summary>
    /// <exception cref="InferenceException">The run failed; the message is the runtime's own.</exception>
    public void Run()
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        api->RunWithBinding(session.Value, runOptions, binding).ThrowIfFailed(api);
    }

    /// <summary>Shape of the first bound output after a run.</summary>
    public ImmutableArray<long> OutputShape() => new OrtSessionReader(api, session.Value).FirstOutputShape(binding);

    /// <summary>Reads the bound outputs after a run: number, address and elements of each, valid for the length of the call.</summary>
    public void ReadOutputs(Action<int, nint, long> read) => new OrtSessionReader(api, session.Value).ReadOutputs(binding, read);

    /// <summary>Bytes of a tensor; the shape is known to be positive.</summary>
    public static long ByteCount(TensorElementType type, ReadOnlySpan<long> shape)
    {
        long bytes = type.ElementBytes();
        foreach (long dimension in shape)
        {
            bytes = checked(bytes * dimension);
        }

        return bytes;
    }

    public void Dispose()
    {
        disposed = true;

        // The binding was made first and goes last: tensors and options never outlive what they were made for.
        for (int i = owned.Count - 1; i >= 0; i--)
        {
            owned[i].Dispose();
        }

        owned.Clear();
    }

    private nint CreateTensor(TensorElementType type, ReadOnlySpan<long> shape, nint address)
    {
        OrtElementType elementType = type switch
        {
            TensorElementType.Float32 => OrtElementType.Float,
            TensorElementType.Float16 => OrtElementType.Float16,
            _ => OrtElementType.UInt8,
        };
        nint tensor;
        fixed (long* dimensions = shape)
        {
            api->CreateTensorWithDataAsOrtValue(
                memoryInfo, (void*)address, (nuint)ByteCount(type, shape), dimensions, (nuint)shape.Length, elementType, &tensor).ThrowIfFailed(api);
        }

        return Own(tensor, api->ReleaseValue);
    }

    private nint Own(nint value, delegate* unmanaged<nint, void> release, OrtHandle? parent = null)
    {
        owned.Add(new OrtHandle(value, release, parent));
        return value;
    }
}
