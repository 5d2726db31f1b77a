using System.Collections.Immutable;

namespace YoloZeroCopy.Interop;

/// <summary>Reads what a session says about its model. Everything the library hands out here is freed again, on every way out.</summary>
internal readonly unsafe ref struct OrtSessionReader
{
    // What a detector's own graph never comes near; a file that does is damaged.
    private const int MaxTensors = 4096;
    private const int MaxRank = 32;
    private const int MaxNameBytes = 1024;
    private const int MaxMetadataKeys = 4096;
    private const int MaxMetadataBytes = 1 << 22;

    private readonly OrtApi* api;
    private readonly nint session;
    private readonly nint allocator;

    /// <summary>The caller keeps the session open while it reads.</summary>
    public OrtSessionReader(OrtApi* api, nint session)
    {
        this.api = api;
        this.session = session;
        nint shared;
        api->GetAllocatorWithDefaultOptions(&shared).ThrowIfFailed(api);
        allocator = shared;
    }

    public ImmutableArray<OnnxTensor> Inputs() => Tensors(api->SessionGetInputCount, api->SessionGetInputName, api->SessionGetInputTypeInfo);

    public ImmutableArray<OnnxTensor> Outputs() => Tensors(api->SessionGetOutputCount, api->SessionGetOutputName, api->SessionGetOutputTypeInfo);

    /// <summary>The model's own keys and values. Values beyond any real one's length are cut, so that parsing them fails cleanly.</summary>
    public ImmutableDictionary<string, string> Metadata()
    {
        nint value;
        api->SessionGetModelMetadata(session, &value).ThrowIfFailed(api);
        using OrtHandle metadata = new(value, api->ReleaseModelMetadata);
        byte** keys = null;
        long count = 0;
        api->ModelMetadataGetCustomMetadataMapKeys(value, allocator, &keys, &count).ThrowIfFailed(api);
        ImmutableDictionary<string, string>.Builder entries = ImmutableDictionary.CreateBuilder<string, string>(StringComparer.Ordinal);
        try
        {
            for (long i = 0; i < Math.Min(count, MaxMetadataKeys); i++)
            {
                byte* text = null;
                api->ModelMetadataLookupCustomMetadataMap(value, allocator, keys[i], &text).ThrowIfFailed(api);
                entries[Utf8.Read(keys[i], MaxNameBytes)] = TakeText(text, MaxMetadataBytes);
            }
        }
        finally
        {
            for (long i = 0; i < count; i++)
            {
                Free(keys[i]);
            }

            Free(keys);
        }

        return entries.ToImmutable();
    }

    /// <summary>Shape of the first output that a binding was run with.</summary>
    public ImmutableArray<long> FirstOutputShape(nint binding)
    {
        nint* values = Values(binding, out nuint count);
        try
        {
            return count > 0 ? ShapeOf(values[0]) : throw new InferenceException("The run gave no output.");
        }
        finally
        {
            Release(values, count);
        }
    }

    /// <summary>Reads every output of a run: its number, address and elements, valid for the length of the call.</summary>
    public void ReadOutputs(nint binding, Action<int, nint, long> read)
    {
        nint* values = Values(binding, out nuint count);
        try
        {
            for (nuint i = 0; i < count; i++)
            {
                void* data;
                api->GetTensorMutableData(values[i], &data).ThrowIfFailed(api);
                long elements = 1;
                foreach (long dimension in ShapeOf(values[i]))
                {
                    elements = checked(elements * dimension);
                }

                read((int)i, (nint)data, elements);
            }
        }
        finally
        {
            Release(values, count);
        }
    }

    private nint* Values(nint binding, out nuint count)
    {
        nint* values = null;
        nuint found = 0;
        api->GetBoundOutputValues(binding, allocator, &values, &found).ThrowIfFailed(api);
        count = found;
        return values;
    }

    private ImmutableArray<long> ShapeOf(nint value)
    {
        nint info;
        api->GetTensorTypeAndShape(value, &info).ThrowIfFailed(api);
        using OrtHandle owned = new(info, api->ReleaseTensorTypeAndShapeInfo);
        return Shape(info);
    }

    private void Release(nint* values, nuint count)
    {
        for (nuint i = 0; i < count; i++)
        {
            api->ReleaseValue(values[i]);
        }

        Free(values);
    }

    private ImmutableArray<OnnxTensor> Tensors(
        delegate* unmanaged<nint, nuint*, OrtStatus> counter,
        delegate* unmanaged<nint, nuint, nint, byte**, OrtStatus> namer,
        delegate* unmanaged<nint, nuint, nint*, OrtStatus> typer)
    {
        nuint count;
        counter(session, &count).ThrowIfFailed(api);
        if (count > MaxTensors)
        {
            throw new InferenceException($"The model has {count} inputs or outputs; at most {MaxTensors} are read.");
        }

        ImmutableArray<OnnxTensor>.Builder tensors = ImmutableArray.CreateBuilder<OnnxTensor>((int)count);
        for (nuint i = 0; i < count; i++)
        {
            byte* text;
            namer(session, i, allocator, &text).ThrowIfFailed(api);
            string name = TakeText(text, MaxNameBytes);
            nint type;
            typer(session, i, &type).ThrowIfFailed(api);
            using OrtHandle owned = new(type, api->ReleaseTypeInfo);
            tensors.Add(Tensor(name, type));
        }

        return tensors.MoveToImmutable();
    }

    private OnnxTensor Tensor(string name, nint type)
    {
        nint info;
        api->CastTypeInfoToTensorInfo(type, &info).ThrowIfFailed(api);
        if (info == 0)
        {
            return new OnnxTensor(name, OrtElementType.Undefined, [], []);
        }

        OrtElementType elementType;
        api->GetTensorElementType(info, &elementType).ThrowIfFailed(api);
        ImmutableArray<long> shape = Shape(info);
        byte** symbols = stackalloc byte*[MaxRank];
        api->GetSymbolicDimensions(info, symbols, (nuint)shape.Length).ThrowIfFailed(api);
        ImmutableArray<string>.Builder names = ImmutableArray.CreateBuilder<string>(shape.Length);
        for (int i = 0; i < shape.Length; i++)
        {
            names.Add(Utf8.Read(symbols[i], MaxNameBytes));
        }

        return new OnnxTensor(name, elementType, shape, names.MoveToImmutable());
    }

    private ImmutableArray<long> Shape(nint info)
    {
        nuint rank;
        api->GetDimensionsCount(info, &rank).ThrowIfFailed(api);
        if (rank > MaxRank)
        {
            throw new InferenceException($"The model has a tensor of {rank} dimensions; at most {MaxRank} are read.");
        }

        long* shape = stackalloc long[MaxRank];
        api->GetDimensions(info, shape, rank).ThrowIfFailed(api);
        return [.. new ReadOnlySpan<long>(shape, (int)rank)];
    }

    private string TakeText(byte* text, int maxBytes)
    {
        string result = Utf8.Read(text, maxBytes);
        Free(text);
        return result;
    }

    // A failure to free is no reason to give up what was read; its status is freed like any other.
    private void Free(void* memory)
    {
        if (memory == null)
        {
            return;
        }

        OrtStatus status = api->AllocatorFree(allocator, memory);
        if (status.IsFailed)
        {
            status.Take(api);
        }
    }
}
