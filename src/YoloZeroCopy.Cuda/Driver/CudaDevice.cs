using YoloZeroCopy.Cuda.Interop;

namespace YoloZeroCopy.Cuda;

/// <summary>One device, and what it is. Owns nothing; take a context of it to work.</summary>
/// <remarks>Any thread. The first five properties were read once; <see cref="GetAttribute"/> asks the driver and does not block.</remarks>
public sealed unsafe class CudaDevice
{
    private const int MaxNameBytes = 256;

    internal CudaDevice(DriverApi api, int ordinal)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(ordinal);
        if (ordinal >= api.DeviceCount)
        {
            throw new ArgumentOutOfRangeException(
                nameof(ordinal), ordinal, $"There is no CUDA device {ordinal}; this process sees {api.DeviceCount}, numbered from 0.");
        }

        Api = api;
        Ordinal = ordinal;
        int device;
        api.ThrowIfFailed(api.cuDeviceGet(&device, ordinal), "finding a device");
        Handle = device;
        byte* text = stackalloc byte[MaxNameBytes];
        api.ThrowIfFailed(api.cuDeviceGetName(text, MaxNameBytes, device), "reading a device's name");
        Name = ReadText(text);
        api.ThrowIfFailed(api.cuDeviceGetPCIBusId(text, MaxNameBytes, device), "reading a device's PCI address");
        PciBusId = ReadText(text);
        CUuuid uuid;
        api.ThrowIfFailed(api.cuDeviceGetUuid_v2(&uuid, device), "reading a device's UUID");
        Uuid = new Guid(new ReadOnlySpan<byte>(uuid.bytes, 16), bigEndian: true);
        nuint bytes;
        api.ThrowIfFailed(api.cuDeviceTotalMem_v2(&bytes, device), "reading a device's memory size");
        TotalMemory = bytes;
    }

    /// <summary>Number of the device, from 0, among those that this process sees.</summary>
    public int Ordinal { get; }

    /// <summary>Name of the product: <c>NVIDIA H200</c>.</summary>
    public string Name { get; }

    /// <summary>PCI address: <c>0000:19:00.0</c>.</summary>
    public string PciBusId { get; }

    /// <summary>Identity of the device, or of its MIG part; the text form equals that of <c>nvidia-smi -L</c> after its prefix.</summary>
    public Guid Uuid { get; }

    /// <summary>Size of the device's memory in bytes.</summary>
    public ulong TotalMemory { get; }

    /// <summary>Compute capability, as 10 x major + minor: 90 is 9.0.</summary>
    public int ComputeCapability =>
        (GetAttribute(CudaDeviceAttribute.ComputeCapabilityMajor) * 10) + GetAttribute(CudaDeviceAttribute.ComputeCapabilityMinor);

    /// <summary>Newest CUDA version of the device's driver, as 1000 x major + 10 x minor.</summary>
    public int DriverVersion => Api.Version;

    internal DriverApi Api { get; }

    /// <summary>The driver's <c>CUdevice</c>.</summary>
    internal int Handle { get; }

    /// <summary>Finds a device.</summary>
    /// <param name="ordinal">Number from 0.</param>
    /// <exception cref="CudaUnavailableException">There is no usable driver or device.</exception>
    /// <exception cref="ArgumentOutOfRangeException">There is no device of this number.</exception>
    /// <exception cref="CudaException">The driver refused.</exception>
    public static CudaDevice Get(int ordinal) => new(CudaDriver.Api, ordinal);

    /// <summary>Reads an attribute.</summary>
    /// <param name="attribute">What to read.</param>
    /// <exception cref="CudaException">The driver does not know the attribute.</exception>
    public int GetAttribute(CudaDeviceAttribute attribute)
    {
        int value;
        Api.ThrowIfFailed(Api.cuDeviceGetAttribute(&value, attribute, Handle), "reading a device attribute");
        return value;
    }

    /// <summary>Takes the device's primary context, the one that CUDA libraries in this process share.</summary>
    /// <param name="schedule">
    /// How threads wait for the device; null leaves what is set. It holds for every user of the primary context, and the last one set wins.
    /// </param>
    /// <returns>A context that the caller disposes. It is not made current: see <see cref="CudaContext.MakeCurrent"/>.</returns>
    /// <remarks>The first use in a process creates the context, which takes hundreds of milliseconds and some hundred MB of device memory.</remarks>
    /// <exception cref="CudaException">The driver refused, for example because another process uses the device exclusively.</exception>
    public CudaContext OpenContext(CudaSchedule? schedule = null) => new(this, schedule);

    /// <inheritdoc/>
    public override string ToString() => $"CUDA device {Ordinal}: {Name}, {PciBusId}";

    private static string ReadText(byte* text)
    {
        ReadOnlySpan<byte> bytes = new(text, MaxNameBytes);
        int end = bytes.IndexOf((byte)0);
        return System.Text.Encoding.UTF8.GetString(end < 0 ? bytes : bytes[..end]);
    }
}
