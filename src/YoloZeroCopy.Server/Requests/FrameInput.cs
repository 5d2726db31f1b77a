using System.Buffers.Binary;
using Google.Protobuf.Collections;
using YoloZeroCopy.Server.Protocol;

namespace YoloZeroCopy.Server;

/// <summary>The frames of a request: where their bytes are, and what they are. Lengths and sizes are checked when it is made, against what was said
/// and what is there.</summary>
/// <remarks>Dispose it when the frames are in slots. Frames on a device hold their region by themselves.</remarks>
internal sealed class FrameInput : IDisposable
{
    private readonly List<(ReadOnlyMemory<byte> File, FrameFormat Format)> pictures = [];
    private PooledBytes? copied;
    private SharedRegion? region;
    private long regionOffset;
    private ReadOnlyMemory<byte> tensor;
    private FrameFormat tensorFormat;

    private FrameInput()
    {
    }

    public int Count { get; private set; }

    /// <summary>Whether the frames are read on the device: <see cref="OnDevice"/> gives them.</summary>
    public bool IsOnDevice => region is CudaRegion;

    /// <exception cref="RequestException">It is none that can be detected in.</exception>
    public static FrameInput Read(InferMessage message, SharedRegions regions, DetectionServerOptions options, int slotBytes)
    {
        if (message.Request.Inputs.Count != 1)
        {
            throw RequestException.Invalid(
                $"The request has {message.Request.Inputs.Count} inputs; one is wanted: "
                    + $"'{ModelDescriptions.Picture}' or '{ModelDescriptions.Image}'.");
        }

        ModelInferRequest.Types.InferInputTensor wanted = message.Request.Inputs[0];
        FrameInput input = new();
        try
        {
            input.Take(wanted, message, regions, options, slotBytes);
            return input;
        }
        catch
        {
            input.Dispose();
            throw;
        }
    }

    /// <summary>Layout of a frame in its slot.</summary>
    public FrameFormat FormatOf(int index) => pictures.Count > 0 ? pictures[index].Format : tensorFormat;

    /// <summary>Writes a frame into its slot.</summary>
    /// <exception cref="MediaException">The picture is damaged.</exception>
    /// <exception cref="RequestException">The shared memory is not there any more.</exception>
    public void Write(int index, Span<byte> slot)
    {
        if (pictures.Count > 0)
        {
            PictureFile.Decode(pictures[index].File.Span, slot, pictures[index].Format);
            return;
        }

        int bytes = tensorFormat.ByteCount;
        if (region is not null)
        {
            region.Read(regionOffset + ((long)index * bytes), slot[..bytes]);
        }
        else
        {
            tensor.Span.Slice(index * bytes, bytes).CopyTo(slot);
        }
    }

    /// <summary>A frame where it lies. Its region is held until the detector has read it.</summary>
    public ExternalFrame OnDevice(int index, out RegionHold hold)
    {
        CudaRegion memory = (CudaRegion)region!;
        hold = new RegionHold(memory);
        try
        {
            return memory.FrameAt(regionOffset + ((long)index * tensorFormat.ByteCount), tensorFormat, hold);
        }
        catch
        {
            hold.OnFrameFree(0);
            throw;
        }
    }

    public void Dispose()
    {
        Interlocked.Exchange(ref copied, null)?.Dispose();
        Interlocked.Exchange(ref region, null)?.Leave();
    }

    private static void ThrowIfOutside(FrameFormat format, DetectionServerOptions options, int slotBytes)
    {
        if (format.Width > options.MaxPictureSide || format.Height > options.MaxPictureSide)
        {
            throw new RequestException(
                Refusal.TooLarge, $"A picture has {format.Width}x{format.Height} pixels; sides of up to {options.MaxPictureSide} are taken.");
        }

        if (format.ByteCount > slotBytes)
        {
            throw new RequestException(
                Refusal.TooLarge, $"A picture of {format} takes {format.ByteCount} bytes; this server has slots of {slotBytes}.");
        }
    }

    private void Take(
        ModelInferRequest.Types.InferInputTensor given, InferMessage message, SharedRegions regions, DetectionServerOptions options, int slotBytes)
    {
        bool isPicture = given.Name == ModelDescriptions.Picture;
        string datatype = isPicture ? "BYTES" : "UINT8";
        if ((!isPicture && given.Name != ModelDescriptions.Image) || given.Datatype != datatype)
        {
            throw RequestException.Invalid(
                $"The input is '{ModelRepository.Echo(given.Name)}' of {ModelRepository.Echo(given.Datatype)}; "
                    + $"'{ModelDescriptions.Picture}' of BYTES or "
                    + $"'{ModelDescriptions.Image}' of UINT8 is wanted.");
        }

        long regionBytes = EnterRegion(given.Parameters, regions);
        bool isRaw = message.Raw.Count > 0;
        if ((isRaw ? 1 : 0) + (given.Contents is null ? 0 : 1) + (region is null ? 0 : 1) != 1 || message.Raw.Count > 1)
        {
            throw RequestException.Invalid("An input has its contents in one place: raw, in the tensor, or in shared memory.");
        }

        if (isPicture)
        {
            TakePictures(given, message, regionBytes, options, slotBytes);
            return;
        }

        FrameShape shape = FrameShape.Of(
            given.Shape,
            Parameters.Named<PixelFormat>(given.Parameters, "pixel_format") ?? PixelFormat.Rgb24,
            Parameters.Named<YuvColor>(given.Parameters, "color") ?? YuvColor.Bt601Limited);
        ThrowIfTooMany(shape.Count, options);
        ThrowIfOutside(shape.Format, options, IsOnDevice ? int.MaxValue : slotBytes);
        long wantedBytes = (long)shape.Count * shape.Format.ByteCount;
        tensor = isRaw ? message.Raw[0] : given.Contents is null ? default : Narrow(given.Contents.UintContents, wantedBytes);
        long givenBytes = region is null ? tensor.Length : regionBytes;
        if (givenBytes != wantedBytes)
        {
            throw RequestException.Invalid($"{shape.Count} frames of {shape.Format} take {wantedBytes} bytes; {givenBytes} were given.");
        }

        (Count, tensorFormat) = (shape.Count, shape.Format);
    }

    private static void ThrowIfTooMany(long count, DetectionServerOptions options)
    {
        if (count < 1 || count > options.MaxPictures)
        {
            throw RequestException.Invalid($"The request has {count} pictures; 1 to {options.MaxPictures} are taken.");
        }
    }

    private long EnterRegion(MapField<string, InferParameter> parameters, SharedRegions regions)
    {
        if (Parameters.Text(parameters, SharedMemoryParameters.Region) is not string name)
        {
            return 0;
        }

        regionOffset = Parameters.Whole(parameters, SharedMemoryParameters.Offset) ?? 0;
        long bytes = Parameters.Whole(parameters, SharedMemoryParameters.ByteCount)
            ?? throw RequestException.Invalid($"A tensor in shared memory needs '{SharedMemoryParameters.ByteCount}'.");
        region = regions.Enter(name);
        region.ThrowIfNotWithin(regionOffset, bytes);
        return bytes;
    }

    private void TakePictures(
        ModelInferRequest.Types.InferInputTensor given, InferMessage message, long regionBytes, DetectionServerOptions options, int slotBytes)
    {
        long count = 1;
        foreach (long side in given.Shape)
        {
            ThrowIfTooMany(side, options);
            count *= side;
            ThrowIfTooMany(count, options);
        }

        if (message.IsBarePicture)
        {
            Add(message.Raw[0], options, slotBytes);
        }
        else if (given.Contents is not null)
        {
            foreach (Google.Protobuf.ByteString file in given.Contents.BytesContents)
            {
                Add(file.Memory, options, slotBytes);
            }
        }
        else
        {
            if (region is not null)
            {
                // Copied before it is looked at: whoever shares the memory may change it meanwhile.
                if (regionBytes > options.MaxRequestBytes)
                {
                    throw new RequestException(Refusal.TooLarge, $"{regionBytes} bytes of pictures were named; {options.MaxRequestBytes} are taken.");
                }

                copied = new PooledBytes();
                region.Read(regionOffset, copied.Next((int)regionBytes).Span);
                region.Leave();
                region = null;
            }

            Split(copied?.Memory ?? message.Raw[0], options, slotBytes);
        }

        if (pictures.Count != count)
        {
            throw RequestException.Invalid($"The tensor's shape says {count} pictures; {pictures.Count} were given.");
        }

        Count = (int)count;
    }

    // Each element stands behind its length, as the protocol has texts.
    private void Split(ReadOnlyMemory<byte> elements, DetectionServerOptions options, int slotBytes)
    {
        while (elements.Length > 0)
        {
            ThrowIfTooMany(pictures.Count + 1, options);
            uint length = elements.Length < sizeof(uint) ? uint.MaxValue : BinaryPrimitives.ReadUInt32LittleEndian(elements.Span);
            if (length > elements.Length - sizeof(uint))
            {
                throw RequestException.Invalid(
                    "An element of the tensor of BYTES is longer than what is there; each stands behind its length in 4 bytes.");
            }

            Add(elements.Slice(sizeof(uint), (int)length), options, slotBytes);
            elements = elements[(sizeof(uint) + (int)length)..];
        }
    }

    private void Add(ReadOnlyMemory<byte> file, DetectionServerOptions options, int slotBytes)
    {
        ThrowIfTooMany(pictures.Count + 1, options);
        PictureInfo info = PictureFile.ReadInfo(file.Span);
        FrameFormat format = new(PixelFormat.Bgr24, info.Width, info.Height);
        ThrowIfOutside(format, options, slotBytes);
        pictures.Add((file, format));
    }

    private Memory<byte> Narrow(RepeatedField<uint> values, long wanted)
    {
        if (values.Count != wanted)
        {
            throw RequestException.Invalid($"The tensor takes {wanted} values; {values.Count} were given.");
        }

        copied = new PooledBytes();
        Memory<byte> bytes = copied.Next(values.Count);
        Span<byte> span = bytes.Span;
        for (int i = 0; i < span.Length; i++)
        {
            span[i] = values[i] <= byte.MaxValue ? (byte)values[i]
                : throw RequestException.Invalid($"A value of the tensor is {values[i]}; 0 to 255 are wanted.");
        }

        return bytes;
    }
}

/// <summary>Holds a region until the detector has read a frame in it.</summary>
internal sealed class RegionHold : IFrameOwner
{
    private readonly SharedRegion region;

    public RegionHold(SharedRegion region)
    {
        if (!region.TryEnter())
        {
            throw RequestException.Invalid($"Region '{region.Name}' was unregistered.");
        }

        this.region = region;
    }

    public void OnFrameFree(long token) => region.Leave();
}

/// <summary>Names of the parameters by which a tensor says where it is.</summary>
internal static class SharedMemoryParameters
{
    public const string Region = "shared_memory_region";
    public const string Offset = "shared_memory_offset";
    public const string ByteCount = "shared_memory_byte_size";
}
