using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using YoloZeroCopy.Server.Protocol;

namespace YoloZeroCopy.Server.Tests;

/// <summary>A client of the protocol over gRPC, of messages as they are.</summary>
internal sealed class GrpcClient : IDisposable
{
    private readonly GrpcChannel channel;
    private readonly CallInvoker invoker;

    public GrpcClient(Uri address, string? token = null, HttpMessageHandler? handler = null)
    {
        channel = GrpcChannel.ForAddress(address, new GrpcChannelOptions { HttpHandler = handler, MaxReceiveMessageSize = null });
        invoker = channel.CreateCallInvoker();
        Headers = token is null ? [] : new Metadata { { "authorization", $"Bearer {token}" } };
    }

    public Metadata Headers { get; }

    /// <summary>One frame of red pixels, or of another first channel.</summary>
    public static ModelInferRequest Frame(string model, byte value = 1, int width = 32, int height = 16, string id = "") => new()
    {
        ModelName = model,
        Id = id,
        Inputs = { new ModelInferRequest.Types.InferInputTensor { Name = "image", Datatype = "UINT8", Shape = { height, width, 3 } } },
        RawInputContents = { ByteString.CopyFrom(Enumerable.Repeat(value, width * height * 3).ToArray()) },
    };

    public async Task<TResponse> CallAsync<TRequest, TResponse>(
        string method, TRequest request, TimeSpan? deadline = null, string service = "inference.GRPCInferenceService",
            CancellationToken cancellationToken = default)
        where TRequest : class, IMessage<TRequest>, new()
        where TResponse : class, IMessage<TResponse>, new()
    {
        CallOptions options = new(Headers, deadline is TimeSpan time ? DateTime.UtcNow + time : null, cancellationToken);
        using AsyncUnaryCall<TResponse> call =
            invoker.AsyncUnaryCall(Method<TRequest, TResponse>(MethodType.Unary, method, service), null, options, request);
        return await call;
    }

    public Task<ModelInferResponse> InferAsync(ModelInferRequest request, TimeSpan? deadline = null, CancellationToken cancellationToken = default) =>
        CallAsync<ModelInferRequest, ModelInferResponse>("ModelInfer", request, deadline, cancellationToken: cancellationToken);

    public AsyncDuplexStreamingCall<ModelInferRequest, ModelStreamInferResponse> Stream() => invoker.AsyncDuplexStreamingCall(
        Method<ModelInferRequest, ModelStreamInferResponse>(MethodType.DuplexStreaming, "ModelStreamInfer", "inference.GRPCInferenceService"),
        null,
        new CallOptions(Headers));

    public async Task<RpcException> RefusedAsync(ModelInferRequest request, TimeSpan? deadline = null) =>
        await Assert.ThrowsAsync<RpcException>(() => InferAsync(request, deadline));

    public void Dispose() => channel.Dispose();

    private static Method<TRequest, TResponse> Method<TRequest, TResponse>(MethodType type, string name, string service)
        where TRequest : class, IMessage<TRequest>, new()
        where TResponse : class, IMessage<TResponse>, new() => new(type, service, name, Marshaller<TRequest>(), Marshaller<TResponse>());

    private static Marshaller<T> Marshaller<T>()
        where T : class, IMessage<T>, new() =>
        new(static message => message.ToByteArray(), static bytes =>
        {
            T message = new();
            message.MergeFrom(bytes);
            return message;
        });
}
