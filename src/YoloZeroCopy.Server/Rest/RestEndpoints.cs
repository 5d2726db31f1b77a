using System.Buffers;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Google.Protobuf;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using YoloZeroCopy.Server.Protocol;

namespace YoloZeroCopy.Server;

/// <summary>The protocol over REST, and what people and Prometheus ask.</summary>
internal sealed class RestEndpoints(
    DetectionServerOptions options, ModelRepository models, SharedRegions regions, Inference inference, PrometheusText prometheus, Breaking breaking)
{
    /// <summary>End of the path for people: a picture in, its detections out.</summary>
    public const string Detect = "/detect";

    private const string JsonLength = "Inference-Header-Content-Length";
    private const string Json = "application/json";

    // Of requests without tensors.
    private const int MaxRequestBytes = 64 << 10;

    public void Map(IEndpointRouteBuilder routes)
    {
        Get(routes, "/v2/health/live", context => HealthAsync(context, models.IsLive));
        Get(routes, "/v2/health/ready", context => HealthAsync(context, models.IsReady));
        Get(routes, "/v2", context => WriteAsync(context, ModelDescriptions.OfServer(options)));
        Get(routes, "/metrics", MetricsAsync);
        Get(routes, "/v2/models/stats", context => WriteAsync(context, ModelDescriptions.Statistics(models.Models)));
        foreach (string model in new[] { "/v2/models/{model}", "/v2/models/{model}/versions/{version}" })
        {
            Get(routes, model, context => WriteAsync(context, ModelDescriptions.Of(Find(context), options)));
            Get(routes, model + "/ready", ModelReadyAsync);
            Get(routes, model + "/stats", context => WriteAsync(context, ModelDescriptions.Statistics([Find(context)])));
            Post(routes, model + "/infer", InferAsync);
            Post(routes, model + Detect, DetectAsync);
        }

        Post(routes, "/v2/repository/index", IndexAsync);
        Post(routes, "/v2/repository/models/{model}/load", LoadAsync);
        Post(routes, "/v2/repository/models/{model}/unload", UnloadAsync);
        foreach (string region in new[] { "", "/region/{region}" })
        {
            Get(routes, $"/v2/systemsharedmemory{region}/status", context => WriteListAsync(
                context, regions.List<SystemRegion>(Value(context, "region")), static (json, one) =>
                {
                    json.WriteString("key"u8, one.Key);
                    json.WriteNumber("offset"u8, one.Offset);
                }));
            Get(routes, $"/v2/cudasharedmemory{region}/status", context => WriteListAsync(
                context,
                regions.List<CudaRegion>(Value(context, "region")),
                static (json, one) => json.WriteNumber("device_id"u8, one.DeviceOrdinal)));
            Post(routes, $"/v2/systemsharedmemory{region}/unregister", UnregisterAsync<SystemRegion>);
            Post(routes, $"/v2/cudasharedmemory{region}/unregister", UnregisterAsync<CudaRegion>);
        }

        Post(routes, "/v2/systemsharedmemory/region/{region}/register", RegisterSystemAsync);
        Post(routes, "/v2/cudasharedmemory/region/{region}/register", RegisterCudaAsync);
    }

    private static void Get(IEndpointRouteBuilder routes, string path, RequestDelegate answer) => Map(routes, path, "GET", answer);

    private static void Post(IEndpointRouteBuilder routes, string path, RequestDelegate answer) => Map(routes, path, "POST", answer);

    private static void Map(IEndpointRouteBuilder routes, string path, string method, RequestDelegate answer) =>
        _ = routes.MapMethods(path, [method], async context =>
        {
            try
            {
                await answer(context).ConfigureAwait(false);
            }
            catch (Exception error)
            {
                RequestException refusal = error is BadHttpRequestException bad
                    ? new RequestException(bad.StatusCode == 413 ? Refusal.TooLarge : Refusal.Invalid, bad.Message)
                    : RequestException.Of(error, context.RequestAborted.IsCancellationRequested);
                await Answers.RefuseAsync(context, refusal).ConfigureAwait(false);
            }
        });

    private static string Value(HttpContext context, string name) => context.Request.RouteValues[name] as string ?? "";

    private static Task HealthAsync(HttpContext context, bool isWell)
    {
        context.Response.StatusCode = isWell ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable;
        return Task.CompletedTask;
    }

    // The protocol's JSON has the names of its messages. Written by hand, since the formatter of messages asks types by reflection.
    private static Task WriteAsync(HttpContext context, ServerMetadataResponse server) => WriteAsync(context, json =>
    {
        json.WriteStartObject();
        json.WriteString("name"u8, server.Name);
        json.WriteString("version"u8, server.Version);
        WriteTexts(json, "extensions", server.Extensions);
        json.WriteEndObject();
    });

    private static Task WriteAsync(HttpContext context, ModelMetadataResponse model) => WriteAsync(context, json =>
    {
        json.WriteStartObject();
        json.WriteString("name"u8, model.Name);
        WriteTexts(json, "versions", model.Versions);
        json.WriteString("platform"u8, model.Platform);
        WriteTensors(json, "inputs", model.Inputs);
        WriteTensors(json, "outputs", model.Outputs);
        json.WriteEndObject();
    });

    private static Task WriteAsync(HttpContext context, ModelStatisticsResponse statistics) => WriteAsync(context, json =>
    {
        json.WriteStartObject();
        json.WriteStartArray("model_stats"u8);
        foreach (ModelStatistics one in statistics.ModelStats)
        {
            json.WriteStartObject();
            json.WriteString("name"u8, one.Name);
            json.WriteString("version"u8, one.Version);
            json.WriteNumber("last_inference"u8, one.LastInference);
            json.WriteNumber("inference_count"u8, one.InferenceCount);
            json.WriteNumber("execution_count"u8, one.ExecutionCount);
            json.WriteStartObject("inference_stats"u8);
            WriteDuration(json, "success", one.InferenceStats.Success);
            WriteDuration(json, "fail", one.InferenceStats.Fail);
            WriteDuration(json, "queue", one.InferenceStats.Queue);
            WriteDuration(json, "compute_input", one.InferenceStats.ComputeInput);
            WriteDuration(json, "compute_infer", one.InferenceStats.ComputeInfer);
            WriteDuration(json, "compute_output", one.InferenceStats.ComputeOutput);
            json.WriteEndObject();
            json.WriteStartArray("batch_stats"u8);
            foreach (InferBatchStatistics batch in one.BatchStats)
            {
                json.WriteStartObject();
                json.WriteNumber("batch_size"u8, batch.BatchSize);
                WriteDuration(json, "compute_infer", batch.ComputeInfer);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    });

    private static Task WriteListAsync<T>(HttpContext context, IReadOnlyList<T> list, Action<Utf8JsonWriter, T> write)
        where T : SharedRegion => WriteAsync(context, json =>
    {
        json.WriteStartArray();
        foreach (T one in list)
        {
            json.WriteStartObject();
            json.WriteString("name"u8, one.Name);
            write(json, one);
            json.WriteNumber("byte_size"u8, one.ByteCount);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    });

    private static async Task WriteAsync(HttpContext context, Action<Utf8JsonWriter> write)
    {
        ArrayBufferWriter<byte> text = new();
        using (Utf8JsonWriter json = new(text))
        {
            write(json);
        }

        context.Response.ContentType = Json;
        context.Response.ContentLength = text.WrittenCount;
        await context.Response.Body.WriteAsync(text.WrittenMemory, context.RequestAborted).ConfigureAwait(false);
    }

    private static void WriteTexts(Utf8JsonWriter json, string name, IEnumerable<string> texts)
    {
        json.WriteStartArray(name);
        foreach (string text in texts)
        {
            json.WriteStringValue(text);
        }

        json.WriteEndArray();
    }

    private static void WriteTensors(Utf8JsonWriter json, string name, IEnumerable<ModelMetadataResponse.Types.TensorMetadata> tensors)
    {
        json.WriteStartArray(name);
        foreach (ModelMetadataResponse.Types.TensorMetadata tensor in tensors)
        {
            json.WriteStartObject();
            json.WriteString("name"u8, tensor.Name);
            json.WriteString("datatype"u8, tensor.Datatype);
            json.WriteStartArray("shape"u8);
            foreach (long side in tensor.Shape)
            {
                json.WriteNumberValue(side);
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteDuration(Utf8JsonWriter json, string name, StatisticDuration duration)
    {
        json.WriteStartObject(name);
        json.WriteNumber("count"u8, duration.Count);
        json.WriteNumber("ns"u8, duration.Ns);
        json.WriteEndObject();
    }

    // A small request's object; an empty body is one without keys.
    private static async Task<JsonDocument> ReadAsync(HttpContext context)
    {
        using PooledBytes body = await PooledBytes.ReadAsync(
            context.Request.Body, context.Request.ContentLength, MaxRequestBytes, context.RequestAborted).ConfigureAwait(false);
        try
        {
            JsonDocument document = JsonDocument.Parse(body.Memory.Length == 0 ? "{}"u8.ToArray() : body.Memory.ToArray());
            return document.RootElement.ValueKind == JsonValueKind.Object ? document : throw RequestException.Invalid("A JSON object is wanted.");
        }
        catch (JsonException error)
        {
            throw RequestException.Invalid($"The request is no JSON: {error.Message}", error);
        }
    }

    private static ulong Number(JsonElement from, string name, bool isNeeded)
    {
        if (!from.TryGetProperty(name, out JsonElement value) && !isNeeded)
        {
            return 0;
        }

        return value.ValueKind == JsonValueKind.Number && value.TryGetUInt64(out ulong number)
            ? number
            : throw RequestException.Invalid($"'{name}' must be a whole number from 0 on.");
    }

    private static string Text(JsonElement from, string name) => from.TryGetProperty(name, out JsonElement value)
        && value.ValueKind == JsonValueKind.String
        ? value.GetString()!
        : throw RequestException.Invalid($"'{name}' must be a text.");

    private ServedModel Find(HttpContext context) => models.Find(Value(context, "model"), Value(context, "version"));

    private Task MetricsAsync(HttpContext context)
    {
        context.Response.ContentType = PrometheusText.ContentType;
        return context.Response.WriteAsync(prometheus.Write(), Encoding.UTF8, context.RequestAborted);
    }

    private Task ModelReadyAsync(HttpContext context)
    {
        ServedModel model = Find(context);
        model.CheckFault();
        return HealthAsync(context, model.IsReady);
    }

    private async Task<PooledBytes> ReceiveAsync(HttpContext context)
    {
        if (context.Request.Headers.ContentEncoding.Count > 0)
        {
            throw RequestException.Invalid("Requests that are compressed are not taken.");
        }

        PooledBytes body = await PooledBytes.ReadAsync(
            context.Request.Body, context.Request.ContentLength, options.MaxRequestBytes, context.RequestAborted).ConfigureAwait(false);
        RequestGate.Received(context);
        return body;
    }

    private async Task InferAsync(HttpContext context)
    {
        PooledBytes body = await ReceiveAsync(context).ConfigureAwait(false);
        long arrivedAt = Stopwatch.GetTimestamp();
        string? header = context.Request.Headers[JsonLength];
        int jsonBytes = body.Memory.Length;
        bool isValid = header is null
            || (int.TryParse(header, NumberStyles.None, CultureInfo.InvariantCulture, out jsonBytes) && jsonBytes <= body.Memory.Length);

        // Without any JSON it is a lone picture, and all of the answer is binary.
        bool isBare = header is not null && jsonBytes == 0;
        InferMessage message = new() { IsBarePicture = isBare };
        message.Own(body);
        try
        {
            message.Request.ModelName = Value(context, "model");
            message.Request.ModelVersion = Value(context, "version");
            if (!isValid)
            {
                throw RequestException.Invalid($"{JsonLength} must be a number of bytes up to {body.Memory.Length}.");
            }

            if (isBare)
            {
                AddPicture(message, body);
            }
            else
            {
                InferJson.Read(body.Memory.Span[..jsonBytes], body.Memory[jsonBytes..], message);
            }
        }
        catch (Exception error)
        {
            message.Dispose();
            throw inference.Refuse(error, model: null, "rest", arrivedAt, context.RequestAborted);
        }

        (ModelInferResponse response, _) = await RunAsync(context, message, arrivedAt).ConfigureAwait(false);
        ArrayBufferWriter<byte> text = new(16 << 10);
        List<ReadOnlyMemory<byte>> behind = InferJson.Write(text, response, message.Request, isBare);
        context.Response.ContentType = behind.Count > 0 ? "application/octet-stream" : Json;
        context.Response.ContentLength = text.WrittenCount + behind.Sum(static one => (long)one.Length);
        if (behind.Count > 0)
        {
            context.Response.Headers[JsonLength] = text.WrittenCount.ToString(CultureInfo.InvariantCulture);
        }

        await context.Response.Body.WriteAsync(text.WrittenMemory, context.RequestAborted).ConfigureAwait(false);
        foreach (ReadOnlyMemory<byte> one in behind)
        {
            await context.Response.Body.WriteAsync(one, context.RequestAborted).ConfigureAwait(false);
        }
    }

    private async Task DetectAsync(HttpContext context)
    {
        PooledBytes body = await ReceiveAsync(context).ConfigureAwait(false);
        long arrivedAt = Stopwatch.GetTimestamp();
        InferMessage message = new() { IsBarePicture = true };
        message.Own(body);
        message.Request.ModelName = Value(context, "model");
        message.Request.ModelVersion = Value(context, "version");
        AddPicture(message, body);
        (_, FrameOutput output) = await RunAsync(context, message, arrivedAt).ConfigureAwait(false);
        await WriteAsync(context, json =>
        {
            json.WriteStartObject();
            json.WriteString("model"u8, message.Request.ModelName);
            json.WritePropertyName("detections"u8);
            output.WriteText(json, 0);
            json.WriteEndObject();
        }).ConfigureAwait(false);
    }

    private static void AddPicture(InferMessage message, PooledBytes body)
    {
        message.Request.Inputs.Add(
            new ModelInferRequest.Types.InferInputTensor { Name = ModelDescriptions.Picture, Datatype = "BYTES", Shape = { 1 } });
        message.Raw.Add(body.Memory);
    }

    private async Task<(ModelInferResponse Response, FrameOutput Output)> RunAsync(HttpContext context, InferMessage message, long arrivedAt)
    {
        using CancellationTokenSource sender = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, breaking.Token);
        return await inference.RunAsync(message, "rest", arrivedAt, sender.Token).ConfigureAwait(false);
    }

    private async Task IndexAsync(HttpContext context)
    {
        using JsonDocument body = await ReadAsync(context).ConfigureAwait(false);
        bool onlyReady = body.RootElement.TryGetProperty("ready", out JsonElement ready) && ready.ValueKind == JsonValueKind.True;
        RepositoryIndexResponse index = ModelDescriptions.Index(models.Models, onlyReady);
        await WriteAsync(context, json =>
        {
            json.WriteStartArray();
            foreach (RepositoryIndexResponse.Types.ModelIndex model in index.Models)
            {
                json.WriteStartObject();
                json.WriteString("name"u8, model.Name);
                json.WriteString("version"u8, model.Version);
                json.WriteString("state"u8, model.State);
                json.WriteString("reason"u8, model.Reason);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        }).ConfigureAwait(false);
    }

    private async Task LoadAsync(HttpContext context)
    {
        using JsonDocument body = await ReadAsync(context).ConfigureAwait(false);
        if (body.RootElement.TryGetProperty("parameters", out JsonElement parameters) && parameters.ValueKind == JsonValueKind.Object
            && parameters.EnumerateObject().Any())
        {
            throw RequestException.Invalid("A model is loaded as it is in the folder; parameters of its loading are not taken.");
        }

        await models.FindToControl(Value(context, "model"), isNew: true).LoadAsync(context.RequestAborted).ConfigureAwait(false);
    }

    private Task UnloadAsync(HttpContext context) =>
        models.FindToControl(Value(context, "model"), isNew: false).UnloadAsync(context.RequestAborted);

    private async Task RegisterSystemAsync(HttpContext context)
    {
        using JsonDocument body = await ReadAsync(context).ConfigureAwait(false);
        regions.Register(new SystemSharedMemoryRegisterRequest
        {
            Name = Value(context, "region"),
            Key = Text(body.RootElement, "key"),
            Offset = Number(body.RootElement, "offset", isNeeded: false),
            ByteSize = Number(body.RootElement, "byte_size", isNeeded: true),
        });
    }

    private async Task RegisterCudaAsync(HttpContext context)
    {
        using JsonDocument body = await ReadAsync(context).ConfigureAwait(false);
        byte[] handle;
        try
        {
            handle = body.RootElement.TryGetProperty("raw_handle", out JsonElement raw) && raw.ValueKind == JsonValueKind.Object
                ? Convert.FromBase64String(Text(raw, "b64"))
                : throw RequestException.Invalid("'raw_handle' must be an object with 'b64'.");
        }
        catch (FormatException error)
        {
            throw RequestException.Invalid("'b64' of the handle is no base64.", error);
        }

        regions.Register(new CudaSharedMemoryRegisterRequest
        {
            Name = Value(context, "region"),
            RawHandle = ByteString.CopyFrom(handle),
            DeviceId = (long)Math.Min(Number(body.RootElement, "device_id", isNeeded: true), int.MaxValue),
            ByteSize = Number(body.RootElement, "byte_size", isNeeded: true),
        });
    }

    private Task UnregisterAsync<T>(HttpContext context)
        where T : SharedRegion
    {
        regions.Unregister<T>(Value(context, "region"));
        return Task.CompletedTask;
    }
}
