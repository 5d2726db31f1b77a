using System.Collections.Immutable;
using YoloZeroCopy.Interop;

namespace YoloZeroCopy;

/// <summary>A plan that TensorRT has loaded: its tensors and profiles. Immutable; any thread.</summary>
/// <remarks>Contexts made of it keep it open. Loading takes device memory in the CUDA context that is current on the thread.</remarks>
internal sealed unsafe class TensorRtPlan : IDisposable
{
    private TensorRtPlan(TensorRtLibrary library, string path, TrtHandle handle)
    {
        Library = library;
        Path = path;
        Handle = handle;
        TrtEngineInfo info = new() { StructSize = (uint)sizeof(TrtEngineInfo) };
        TensorRtErrors.CheckPlan(Api, Api.EngineInfoGet(handle.Value, &info), path);
        ProfileCount = info.ProfileCount;
        ImmutableArray<TensorRtTensor>.Builder tensors = ImmutableArray.CreateBuilder<TensorRtTensor>(info.TensorCount);
        for (int index = 0; index < info.TensorCount; index++)
        {
            tensors.Add(ReadTensor(index, profile: 0));
        }

        Tensors = tensors.MoveToImmutable();
    }

    public TensorRtLibrary Library { get; }

    public TrtApi Api => Library.Api;

    /// <summary>File of the engine, for messages.</summary>
    public string Path { get; }

    public TrtHandle Handle { get; }

    public int ProfileCount { get; }

    /// <summary>Inputs and outputs in TensorRT's order, with the formats of the first profile.</summary>
    public ImmutableArray<TensorRtTensor> Tensors { get; }

    /// <summary>Loads a plan.</summary>
    /// <exception cref="InsufficientMemoryException">The device has too little memory.</exception>
    /// <exception cref="ModelException">The plan is damaged, of another version or GPU, or one that this library cannot run.</exception>
    public static TensorRtPlan Load(TensorRtLibrary library, string path, byte* data, long length, bool hostCodeAllowed)
    {
        TrtApi api = library.Api;
        TrtRuntimeOptions options = new() { StructSize = (uint)sizeof(TrtRuntimeOptions), HostCodeAllowed = hostCodeAllowed ? 1 : 0 };
        ulong value;
        TensorRtErrors.CheckPlan(api, api.RuntimeCreate(library.Handle.Value, &options, &value), path);

        // The engine keeps the runtime; this method's own hold on it ends here either way.
        using TrtHandle runtime = new(value, api.RuntimeFree, library.Handle);
        TensorRtErrors.CheckPlan(api, api.EngineLoad(runtime.Value, data, (ulong)length, &value), path);
        TrtHandle handle = new(value, api.EngineFree, runtime);
        try
        {
            return new TensorRtPlan(library, path, handle);
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>A tensor as a profile has it: the format may differ from profile to profile.</summary>
    public TensorRtTensor ReadTensor(int index, int profile)
    {
        TrtTensorInfo info = new() { StructSize = (uint)sizeof(TrtTensorInfo) };
        TensorRtErrors.CheckPlan(Api, Api.EngineTensor(Handle.Value, index, profile, &info), Path);
        return new TensorRtTensor(
            TrtApi.Text(info.Name), info.Mode == TrtMode.Input, info.Type, [.. info.Shape.ToArray()], info.OnHost != 0 || info.IsShape != 0,
                info.Format == 0, TrtApi.Text(info.FormatText));
    }

    /// <summary>An input's shape in a profile.</summary>
    public ImmutableArray<long> ProfileShape(string input, int profile, TrtSelect select)
    {
        TrtShape shape = default;
        fixed (byte* name = Utf8.Terminated(input))
        {
            TensorRtErrors.CheckPlan(Api, Api.EngineProfileShape(Handle.Value, name, profile, select, &shape), Path);
        }

        return [.. shape.ToArray()];
    }

    /// <summary>Bytes of device memory that a run with a profile takes at most.</summary>
    public long ProfileMemoryBytes(int profile)
    {
        long bytes;
        TensorRtErrors.CheckPlan(Api, Api.EngineProfileMemory(Handle.Value, profile, &bytes), Path);
        return bytes;
    }

    /// <summary>Closes this hold on the plan; it goes with the last context.</summary>
    public void Dispose() => Handle.Dispose();
}

/// <summary>An input or output of a plan.</summary>
/// <param name="Name">Name in the model.</param>
/// <param name="IsInput">False for an output.</param>
/// <param name="Type">Element type.</param>
/// <param name="Shape">Dimensions; -1 for one that a profile decides.</param>
/// <param name="IsOnHost">Whether it is no tensor of the device: one whose values decide shapes, for example.</param>
/// <param name="IsLinear">Whether its elements lie row by row without gaps.</param>
/// <param name="Format">TensorRT's words for how they lie.</param>
internal sealed record TensorRtTensor(
    string Name, bool IsInput, TrtType Type, ImmutableArray<long> Shape, bool IsOnHost, bool IsLinear, string Format)
{
    /// <summary>As the checks of ONNX models take it, with other dimensions where a profile decided them.</summary>
    public OnnxTensor ToOnnx(ImmutableArray<long>? shape = null)
    {
        ImmutableArray<long> dimensions = shape ?? Shape;
        OrtElementType type = Type switch
        {
            TrtType.Float => OrtElementType.Float,
            TrtType.Half => OrtElementType.Float16,
            TrtType.UInt8 => OrtElementType.UInt8,
            TrtType.Int8 => OrtElementType.Int8,
            TrtType.Int32 => OrtElementType.Int32,
            TrtType.Int64 => OrtElementType.Int64,
            TrtType.Bool => OrtElementType.Bool,
            TrtType.BFloat16 => OrtElementType.BFloat16,
            _ => OrtElementType.Undefined,
        };
        return new OnnxTensor(Name, type, dimensions, [.. dimensions.Select(static _ => string.Empty)]);
    }

    /// <summary>Bytes of one element, rounded up.</summary>
    public int ElementBytes => Type switch
    {
        TrtType.Float or TrtType.Int32 => 4,
        TrtType.Half or TrtType.BFloat16 => 2,
        TrtType.Int64 => 8,
        _ => 1,
    };
}
