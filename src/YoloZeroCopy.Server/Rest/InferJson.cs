using System.Buffers;
using System.Buffers.Text;
using System.Globalization;
using System.Text.Json;
using Google.Protobuf.Collections;
using YoloZeroCopy.Server.Protocol;

namespace YoloZeroCopy.Server;

/// <summary>Requests and responses to infer as JSON, with tensors in it or, by the extension of binary tensors, behind it.</summary>
/// <remarks>Read token by token: a document of the values of a picture would take ten times its bytes.</remarks>
internal static class InferJson
{
    private const string BinaryBytes = "binary_data_size";
    private const string BinaryWanted = "binary_data";
    private const string AllBinaryWanted = "binary_data_output";
    private const int MaxEntries = 64;

    /// <summary>Reads a request.</summary>
    /// <param name="json">The JSON.</param>
    /// <param name="binary">What stands behind it: bytes of its tensors, in their order.</param>
    /// <param name="message">Where to.</param>
    /// <exception cref="RequestException">It is no such request.</exception>
    public static void Read(ReadOnlySpan<byte> json, ReadOnlyMemory<byte> binary, InferMessage message)
    {
        try
        {
            Utf8JsonReader reader = new(json);
            Begin(ref reader, JsonTokenType.StartObject);
            while (Next(ref reader, out string key))
            {
                switch (key)
                {
                    case "id":
                        message.Request.Id = Text(ref reader);
                        break;
                    case "parameters":
                        ReadParameters(ref reader, message.Request.Parameters);
                        break;
                    case "inputs":
                        Begin(ref reader, JsonTokenType.StartArray);
                        while (NextElement(ref reader, message.Request.Inputs.Count))
                        {
                            ReadInput(ref reader, json, ref binary, message);
                        }

                        break;
                    case "outputs":
                        Begin(ref reader, JsonTokenType.StartArray);
                        while (NextElement(ref reader, message.Request.Outputs.Count))
                        {
                            ReadOutput(ref reader, message);
                        }

                        break;
                    default:
                        Skip(ref reader);
                        break;
                }
            }

            // What stands behind the object is refused, too.
            if (reader.Read() || binary.Length > 0)
            {
                throw RequestException.Invalid("There is more behind the request than its inputs say.");
            }
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or FormatException)
        {
            throw RequestException.Invalid($"The request is no JSON of an inference: {error.Message}", error);
        }
    }

    /// <summary>Writes a response, and gives the tensors that are to stand behind it.</summary>
    public static List<ReadOnlyMemory<byte>> Write(
        IBufferWriter<byte> target, ModelInferResponse response, ModelInferRequest request, bool isAllBinary)
    {
        List<ReadOnlyMemory<byte>> behind = [];
        using Utf8JsonWriter json = new(target);
        json.WriteStartObject();
        json.WriteString("model_name"u8, response.ModelName);
        json.WriteString("model_version"u8, response.ModelVersion);
        if (response.Id.Length > 0)
        {
            json.WriteString("id"u8, response.Id);
        }

        json.WriteStartArray("outputs"u8);
        bool isBinary = isAllBinary || (Parameters.Flag(request.Parameters, AllBinaryWanted) ?? false);
        for (int index = 0; index < response.Outputs.Count; index++)
        {
            ModelInferResponse.Types.InferOutputTensor output = response.Outputs[index];
            ReadOnlyMemory<byte> bytes = response.RawOutputContents[index].Memory;
            json.WriteStartObject();
            json.WriteString("name"u8, output.Name);
            json.WriteString("datatype"u8, output.Datatype);
            json.WriteStartArray("shape"u8);
            foreach (long side in output.Shape)
            {
                json.WriteNumberValue(side);
            }

            json.WriteEndArray();
            bool isShared = output.Parameters.Count > 0;
            bool isBehind = !isShared
                && (index < request.Outputs.Count ? Parameters.Flag(request.Outputs[index].Parameters, BinaryWanted) ?? isBinary : isBinary);
            if (isShared || isBehind)
            {
                json.WriteStartObject("parameters"u8);
                if (isBehind)
                {
                    json.WriteNumber(BinaryBytes, bytes.Length);
                    behind.Add(bytes);
                }

                foreach ((string name, InferParameter value) in output.Parameters)
                {
                    WriteParameter(json, name, value);
                }

                json.WriteEndObject();
            }
            else
            {
                WriteData(json, output.Datatype, bytes.Span);
            }

            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
        return behind;
    }

    private static void WriteParameter(Utf8JsonWriter json, string name, InferParameter value)
    {
        if (value.ParameterChoiceCase == InferParameter.ParameterChoiceOneofCase.StringParam)
        {
            json.WriteString(name, value.StringParam);
        }
        else
        {
            json.WriteNumber(name, value.Int64Param);
        }
    }

    private static void WriteData(Utf8JsonWriter json, string datatype, ReadOnlySpan<byte> bytes)
    {
        json.WriteStartArray("data"u8);
        while (bytes.Length > 0)
        {
            int taken = sizeof(int);
            switch (datatype)
            {
                case "FP32":
                    json.WriteNumberValue(BitConverter.ToSingle(bytes));
                    break;
                case "INT32":
                    json.WriteNumberValue(BitConverter.ToInt32(bytes));
                    break;
                default:
                    int length = BitConverter.ToInt32(bytes);
                    json.WriteStringValue(bytes.Slice(sizeof(int), length));
                    taken += length;
                    break;
            }

            bytes = bytes[taken..];
        }

        json.WriteEndArray();
    }

    private static void ReadInput(ref Utf8JsonReader reader, ReadOnlySpan<byte> json, ref ReadOnlyMemory<byte> binary, InferMessage message)
    {
        ModelInferRequest.Types.InferInputTensor input = new();
        message.Request.Inputs.Add(input);
        Expect(ref reader, JsonTokenType.StartObject);
        long dataStart = -1;
        while (Next(ref reader, out string key))
        {
            switch (key)
            {
                case "name":
                    input.Name = Text(ref reader);
                    break;
                case "datatype":
                    input.Datatype = Text(ref reader);
                    break;
                case "shape":
                    Begin(ref reader, JsonTokenType.StartArray);
                    while (NextElement(ref reader, input.Shape.Count))
                    {
                        input.Shape.Add(reader.GetInt64());
                    }

                    break;
                case "parameters":
                    ReadParameters(ref reader, input.Parameters);
                    break;
                case "data":
                    // Read when it is known of what type it is.
                    Step(ref reader);
                    dataStart = reader.TokenStartIndex;
                    reader.Skip();
                    break;
                default:
                    Skip(ref reader);
                    break;
            }
        }

        if (Parameters.Whole(input.Parameters, BinaryBytes) is long bytes)
        {
            if (bytes > binary.Length || dataStart >= 0)
            {
                throw RequestException.Invalid($"Input '{ModelRepository.Echo(input.Name)}' has {bytes} bytes behind the JSON, where "
                    + $"{binary.Length} are left, and no data in it.");
            }

            message.Raw.Add(binary[..(int)bytes]);
            binary = binary[(int)bytes..];
        }
        else if (dataStart >= 0)
        {
            PooledBytes data = new();
            message.Own(data);
            Utf8JsonReader values = new(json[(int)dataStart..]);
            ReadData(ref values, input.Datatype == "BYTES", data);
            message.Raw.Add(data.Memory);
        }
    }

    // Nested as the shape is, or flat. A picture's file is text in base64, since JSON has no bytes.
    private static void ReadData(ref Utf8JsonReader reader, bool isBytes, PooledBytes data)
    {
        int depth = 0;
        do
        {
            Step(ref reader);
            switch (reader.TokenType)
            {
                case JsonTokenType.StartArray:
                    depth++;
                    break;
                case JsonTokenType.EndArray:
                    depth--;
                    break;
                case JsonTokenType.Number when !isBytes && depth > 0:
                    data.Next(1).Span[0] = reader.GetByte();
                    break;
                case JsonTokenType.String when isBytes && depth > 0:
                    ReadBase64(ref reader, data);
                    break;
                default:
                    throw RequestException.Invalid(
                        isBytes ? "The data are no array of texts in base64." : "The data are no array of whole numbers from 0 to 255.");
            }
        }
        while (depth > 0);
    }

    private static void ReadBase64(ref Utf8JsonReader reader, PooledBytes data)
    {
        byte[] text = ArrayPool<byte>.Shared.Rent(reader.ValueSpan.Length);
        byte[] file = ArrayPool<byte>.Shared.Rent(Base64.GetMaxDecodedFromUtf8Length(reader.ValueSpan.Length) + sizeof(int));
        try
        {
            int length = reader.CopyString(text);
            if (Base64.DecodeFromUtf8(text.AsSpan(0, length), file, out _, out int written) != OperationStatus.Done)
            {
                throw RequestException.Invalid("A picture's file is no base64.");
            }

            _ = BitConverter.TryWriteBytes(data.Next(sizeof(int)).Span, written);
            file.AsSpan(0, written).CopyTo(data.Next(written).Span);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(text);
            ArrayPool<byte>.Shared.Return(file);
        }
    }

    private static void ReadOutput(ref Utf8JsonReader reader, InferMessage message)
    {
        ModelInferRequest.Types.InferRequestedOutputTensor output = new();
        message.Request.Outputs.Add(output);
        Expect(ref reader, JsonTokenType.StartObject);
        while (Next(ref reader, out string key))
        {
            switch (key)
            {
                case "name":
                    output.Name = Text(ref reader);
                    break;
                case "parameters":
                    ReadParameters(ref reader, output.Parameters);
                    break;
                default:
                    Skip(ref reader);
                    break;
            }
        }
    }

    private static void ReadParameters(ref Utf8JsonReader reader, MapField<string, InferParameter> parameters)
    {
        Begin(ref reader, JsonTokenType.StartObject);
        while (Next(ref reader, out string key))
        {
            if (parameters.Count >= MaxEntries)
            {
                throw RequestException.Invalid($"There are more than {MaxEntries} parameters.");
            }

            Step(ref reader);
            parameters[key] = reader.TokenType switch
            {
                JsonTokenType.True or JsonTokenType.False => new InferParameter { BoolParam = reader.GetBoolean() },
                JsonTokenType.String => new InferParameter { StringParam = reader.GetString() },
                JsonTokenType.Number when reader.TryGetInt64(out long whole) => new InferParameter { Int64Param = whole },
                JsonTokenType.Number => new InferParameter { DoubleParam = reader.GetDouble() },
                _ => throw RequestException.Invalid($"Parameter '{ModelRepository.Echo(key)}' is no text, number, true or false."),
            };
        }
    }

    private static void Begin(ref Utf8JsonReader reader, JsonTokenType wanted)
    {
        Step(ref reader);
        Expect(ref reader, wanted);
    }

    private static void Expect(ref Utf8JsonReader reader, JsonTokenType wanted)
    {
        if (reader.TokenType != wanted)
        {
            throw RequestException.Invalid(string.Create(
                CultureInfo.InvariantCulture, $"The JSON has {reader.TokenType} at byte {reader.TokenStartIndex}; {wanted} is wanted."));
        }
    }

    private static bool Next(ref Utf8JsonReader reader, out string key)
    {
        Step(ref reader);
        bool isKey = reader.TokenType == JsonTokenType.PropertyName;
        key = isKey ? reader.GetString()! : "";
        return isKey;
    }

    private static bool NextElement(ref Utf8JsonReader reader, int count)
    {
        Step(ref reader);
        return count < MaxEntries
            ? reader.TokenType != JsonTokenType.EndArray
            : throw RequestException.Invalid($"A list of the request has more than {MaxEntries} entries.");
    }

    private static string Text(ref Utf8JsonReader reader)
    {
        Begin(ref reader, JsonTokenType.String);
        return reader.GetString()!;
    }

    private static void Skip(ref Utf8JsonReader reader)
    {
        Step(ref reader);
        reader.Skip();
    }

    private static void Step(ref Utf8JsonReader reader)
    {
        if (!reader.Read())
        {
            throw RequestException.Invalid("The JSON ends early.");
        }
    }
}
