namespace YoloZeroCopy.Interop;

/// <summary>A descriptor of cuDNN's backend API. It is made, given its attributes, completed, and then only read.</summary>
/// <remarks>One thread at a time until it is complete, then any. A descriptor may be disposed when what was made of it is complete.</remarks>
internal sealed unsafe class CudnnDescriptor : IDisposable
{
    private readonly CudnnApi api;
    private readonly CudnnDescriptorType type;
    private nint descriptor;

    /// <exception cref="InferenceException">This version of cuDNN has no such descriptor.</exception>
    public CudnnDescriptor(CudnnApi api, CudnnDescriptorType type)
    {
        this.api = api;
        this.type = type;
        nint created;
        api.ThrowIfFailed(api.CreateDescriptor(type, &created), $"making a descriptor ({type})");
        descriptor = created;
    }

    public nint Value => descriptor;

    /// <summary>Sets an attribute that is one value.</summary>
    public CudnnDescriptor Set<T>(CudnnAttribute attribute, CudnnAttributeType valueType, T value)
        where T : unmanaged => Set(attribute, valueType, new ReadOnlySpan<T>(in value));

    /// <summary>Sets an attribute that is several values.</summary>
    public CudnnDescriptor Set<T>(CudnnAttribute attribute, CudnnAttributeType valueType, ReadOnlySpan<T> values)
        where T : unmanaged
    {
        fixed (T* first = values)
        {
            api.ThrowIfFailed(api.SetAttribute(descriptor, attribute, valueType, values.Length, first), $"setting {attribute} of {type}");
        }

        return this;
    }

    /// <summary>Sets an attribute that is another descriptor, which is complete.</summary>
    public CudnnDescriptor Set(CudnnAttribute attribute, CudnnDescriptor value) => Set(attribute, CudnnAttributeType.Descriptor, value.Value);

    /// <summary>Completes it.</summary>
    /// <exception cref="InferenceException">An attribute is missing or wrong.</exception>
    public CudnnDescriptor Complete()
    {
        api.ThrowIfFailed(api.Complete(descriptor), $"completing {type}");
        return this;
    }

    /// <summary>Completes it, and tells whether that worked: not every configuration of an engine can be built, and not every stored plan can
    /// be read.</summary>
    public CudnnStatus TryComplete() => api.Complete(descriptor);

    /// <summary>Reads a number.</summary>
    public long GetInt64(CudnnAttribute attribute)
    {
        long value;
        api.ThrowIfFailed(api.GetAttribute(descriptor, attribute, CudnnAttributeType.Int64, 1, null, &value), $"reading {attribute} of {type}");
        return value;
    }

    /// <summary>Reads text, or null where there is none.</summary>
    public byte[]? TryGetText(CudnnAttribute attribute)
    {
        long count = 0;
        if (api.GetAttribute(descriptor, attribute, CudnnAttributeType.Char, 0, &count, null) != CudnnStatus.Success
            || count is <= 0 or > int.MaxValue)
        {
            return null;
        }

        byte[] text = new byte[count];
        fixed (byte* first = text)
        {
            return api.GetAttribute(descriptor, attribute, CudnnAttributeType.Char, count, &count, first) == CudnnStatus.Success ? text : null;
        }
    }

    /// <summary>Reads descriptors into some that the caller made for them, and gives how many were read; those are complete.</summary>
    public int GetDescriptors(CudnnAttribute attribute, ReadOnlySpan<CudnnDescriptor> targets)
    {
        nint[] values = new nint[targets.Length];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = targets[i].Value;
        }

        long count = 0;
        fixed (nint* first = values)
        {
            api.ThrowIfFailed(
                api.GetAttribute(descriptor, attribute, CudnnAttributeType.Descriptor, values.Length, &count, first),
                $"reading {attribute} of {type}");
        }

        return (int)Math.Clamp(count, 0, values.Length);
    }

    public void Dispose()
    {
        nint old = Interlocked.Exchange(ref descriptor, 0);
        if (old != 0)
        {
            _ = api.DestroyDescriptor(old);
        }
    }
}
