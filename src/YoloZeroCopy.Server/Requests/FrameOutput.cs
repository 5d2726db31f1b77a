using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;
using Google.Protobuf;
using Google.Protobuf.Collections;
using YoloZeroCopy.Server.Protocol;

namespace YoloZeroCopy.Server;

/// <summary>What was found in the frames of a request, as the tensors that were asked for.</summary>
internal sealed class FrameOutput
{
    private const int NoClass = -1;
    private static readonly string[] Default =
        [ModelDescriptions.Boxes, ModelDescriptions.Scores, ModelDescriptions.Classes, ModelDescriptions.Counts];

    private readonly int count;
    private readonly int most;
    private readonly Detection[][] found;
    private readonly ModelInfo model;

    /// <param name="count">Frames of the request.</param>
    /// <param name="most">Detections that a frame can have: rows of its tensors.</param>
    /// <param name="model">The model, for the names of classes.</param>
    public FrameOutput(int count, int most, ModelInfo model)
    {
        this.count = count;
        this.most = most;
        this.model = model;
        found = new Detection[count][];
        Array.Fill(found, []);
    }

    /// <summary>Refuses outputs that are not there, before anything is computed for them.</summary>
    public static void Check(RepeatedField<ModelInferRequest.Types.InferRequestedOutputTensor> outputs)
    {
        // As many as there are, each once: a list of a million names would be as many tensors.
        if (outputs.Count > Default.Length + 1
            || outputs.Select(static output => output.Name).Distinct(StringComparer.Ordinal).Count() != outputs.Count)
        {
            throw RequestException.Invalid("An output was asked for twice.");
        }

        foreach (ModelInferRequest.Types.InferRequestedOutputTensor output in outputs)
        {
            if (!Default.Contains(output.Name) && output.Name != ModelDescriptions.Text)
            {
                throw RequestException.Invalid(
                    $"There is no output '{ModelRepository.Echo(output.Name)}'; there are "
                        + $"{string.Join(", ", Default)} and {ModelDescriptions.Text}.");
            }
        }
    }

    public void Set(int index, ReadOnlySpan<Detection> detections) => found[index] = detections[..Math.Min(detections.Length, most)].ToArray();

    /// <summary>The response's tensors; those that were asked for in shared memory are written there.</summary>
    /// <exception cref="RequestException">They do not fit there.</exception>
    public ModelInferResponse ToResponse(ModelInferRequest request, SharedRegions regions)
    {
        ModelInferResponse response = new() { ModelName = request.ModelName, ModelVersion = ModelDescriptions.Version, Id = request.Id };
        if (request.Outputs.Count == 0)
        {
            foreach (string name in Default)
            {
                Add(response, name, new MapField<string, InferParameter>(), regions);
            }
        }

        foreach (ModelInferRequest.Types.InferRequestedOutputTensor output in request.Outputs)
        {
            Add(response, output.Name, output.Parameters, regions);
        }

        return response;
    }

    /// <summary>Writes the detections of one frame for people.</summary>
    public void WriteText(Utf8JsonWriter json, int index)
    {
        json.WriteStartArray();
        foreach (Detection detection in found[index])
        {
            json.WriteStartObject();
            json.WriteString("name"u8, model.NameOf(detection.ClassId));
            json.WriteNumber("class"u8, detection.ClassId);
            json.WriteNumber("score"u8, detection.Score);
            json.WriteStartArray("box"u8);
            json.WriteNumberValue(detection.X1);
            json.WriteNumberValue(detection.Y1);
            json.WriteNumberValue(detection.X2);
            json.WriteNumberValue(detection.Y2);
            json.WriteEndArray();
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private void Add(ModelInferResponse response, string name, MapField<string, InferParameter> parameters, SharedRegions regions)
    {
        (string datatype, long[] shape, byte[] bytes) = name switch
        {
            ModelDescriptions.Boxes => ("FP32", [count, most, 4], Boxes()),
            ModelDescriptions.Scores => ("FP32", [count, most], Bytes(static detection => detection.Score, 0f)),
            ModelDescriptions.Classes => ("INT32", [count, most], Bytes(static detection => detection.ClassId, NoClass)),
            ModelDescriptions.Counts => ("INT32", [count], Counts()),
            _ => ("BYTES", new long[] { count }, Texts()),
        };
        ModelInferResponse.Types.InferOutputTensor output = new() { Name = name, Datatype = datatype, Shape = { shape } };
        response.Outputs.Add(output);
        if (Parameters.Text(parameters, SharedMemoryParameters.Region) is not string regionName)
        {
            response.RawOutputContents.Add(UnsafeByteOperations.UnsafeWrap(bytes));
            return;
        }

        // Contents are counted by outputs, also those that are elsewhere.
        response.RawOutputContents.Add(ByteString.Empty);
        long offset = Parameters.Whole(parameters, SharedMemoryParameters.Offset) ?? 0;
        long room = Parameters.Whole(parameters, SharedMemoryParameters.ByteCount)
            ?? throw RequestException.Invalid($"A tensor in shared memory needs '{SharedMemoryParameters.ByteCount}'.");
        if (room < bytes.Length)
        {
            throw RequestException.Invalid($"Output '{name}' takes {bytes.Length} bytes; there is room for {room} in shared memory.");
        }

        SharedRegion region = regions.Enter(regionName);
        try
        {
            region.Write(offset, bytes);
        }
        finally
        {
            region.Leave();
        }

        output.Parameters[SharedMemoryParameters.Region] = new InferParameter { StringParam = regionName };
        output.Parameters[SharedMemoryParameters.ByteCount] = new InferParameter { Int64Param = bytes.Length };
        if (offset > 0)
        {
            output.Parameters[SharedMemoryParameters.Offset] = new InferParameter { Int64Param = offset };
        }
    }

    private byte[] Boxes()
    {
        byte[] bytes = new byte[count * most * 4 * sizeof(float)];
        Span<float> boxes = MemoryMarshal.Cast<byte, float>(bytes.AsSpan());
        for (int frame = 0; frame < count; frame++)
        {
            Span<float> next = boxes[(frame * most * 4)..];
            foreach (Detection detection in found[frame])
            {
                (next[0], next[1], next[2], next[3]) = (detection.X1, detection.Y1, detection.X2, detection.Y2);
                next = next[4..];
            }
        }

        return bytes;
    }

    private byte[] Bytes<T>(Func<Detection, T> value, T padding)
        where T : unmanaged
    {
        byte[] bytes = new byte[count * most * sizeof(int)];
        Span<T> values = MemoryMarshal.Cast<byte, T>(bytes.AsSpan());
        values.Fill(padding);
        for (int frame = 0; frame < count; frame++)
        {
            for (int i = 0; i < found[frame].Length; i++)
            {
                values[(frame * most) + i] = value(found[frame][i]);
            }
        }

        return bytes;
    }

    private byte[] Counts()
    {
        byte[] bytes = new byte[count * sizeof(int)];
        for (int frame = 0; frame < count; frame++)
        {
            BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(frame * sizeof(int)), found[frame].Length);
        }

        return bytes;
    }

    private byte[] Texts()
    {
        ArrayBufferWriter<byte> all = new();
        ArrayBufferWriter<byte> one = new();
        for (int frame = 0; frame < count; frame++)
        {
            one.Clear();
            using (Utf8JsonWriter json = new(one))
            {
                WriteText(json, frame);
            }

            BinaryPrimitives.WriteInt32LittleEndian(all.GetSpan(sizeof(int)), one.WrittenCount);
            all.Advance(sizeof(int));
            all.Write(one.WrittenSpan);
        }

        return all.WrittenSpan.ToArray();
    }
}
