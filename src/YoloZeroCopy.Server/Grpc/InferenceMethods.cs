using Google.Protobuf;
using Grpc.Core;
using YoloZeroCopy.Server.Protocol;

namespace YoloZeroCopy.Server;

/// <summary>The methods of the protocol's service, bound by hand: requests to infer are read in a way of their own.</summary>
internal static class InferenceMethods
{
    /// <summary>The service's name.</summary>
    public const string Service = "inference.GRPCInferenceService";

    // Of requests without tensors.
    private const int MaxRequestBytes = 64 << 10;

    private static readonly Marshaller<ModelInferResponse> Response = Of(ModelInferResponse.Parser);

    /// <summary>Called by the host, with no service, to learn the methods.</summary>
    public static void Bind(ServiceBinderBase binder, InferenceService? service)
    {
        Unary(binder, "ServerLive", ServerLiveRequest.Parser, ServerLiveResponse.Parser, service is null ? null : service.ServerLive);
        Unary(binder, "ServerReady", ServerReadyRequest.Parser, ServerReadyResponse.Parser, service is null ? null : service.ServerReady);
        Unary(binder, "ServerMetadata", ServerMetadataRequest.Parser, ServerMetadataResponse.Parser, service is null ? null : service.ServerMetadata);
        Unary(binder, "ModelReady", ModelReadyRequest.Parser, ModelReadyResponse.Parser, service is null ? null : service.ModelReady);
        Unary(binder, "ModelMetadata", ModelMetadataRequest.Parser, ModelMetadataResponse.Parser, service is null ? null : service.ModelMetadata);
        Unary(binder, "ModelStatistics", ModelStatisticsRequest.Parser, ModelStatisticsResponse.Parser, service is null ? null
            : service.ModelStatistics);
        Unary(binder, "RepositoryIndex", RepositoryIndexRequest.Parser, RepositoryIndexResponse.Parser, service is null ? null
            : service.RepositoryIndex);
        Unary(
            binder,
            "RepositoryModelLoad",
            RepositoryModelLoadRequest.Parser,
            RepositoryModelLoadResponse.Parser,
            service is null ? null : service.RepositoryModelLoad);
        Unary(
            binder,
            "RepositoryModelUnload",
            RepositoryModelUnloadRequest.Parser,
            RepositoryModelUnloadResponse.Parser,
            service is null ? null : service.RepositoryModelUnload);
        Unary(
            binder,
            "SystemSharedMemoryStatus",
            SystemSharedMemoryStatusRequest.Parser,
            SystemSharedMemoryStatusResponse.Parser,
            service is null ? null : service.SystemSharedMemoryStatus);
        Unary(
            binder,
            "SystemSharedMemoryRegister",
            SystemSharedMemoryRegisterRequest.Parser,
            SystemSharedMemoryRegisterResponse.Parser,
            service is null ? null : service.SystemSharedMemoryRegister);
        Unary(
            binder,
            "SystemSharedMemoryUnregister",
            SystemSharedMemoryUnregisterRequest.Parser,
            SystemSharedMemoryUnregisterResponse.Parser,
            service is null ? null : service.SystemSharedMemoryUnregister);
        Unary(
            binder,
            "CudaSharedMemoryStatus",
            CudaSharedMemoryStatusRequest.Parser,
            CudaSharedMemoryStatusResponse.Parser,
            service is null ? null : service.CudaSharedMemoryStatus);
        Unary(
            binder,
            "CudaSharedMemoryRegister",
            CudaSharedMemoryRegisterRequest.Parser,
            CudaSharedMemoryRegisterResponse.Parser,
            service is null ? null : service.CudaSharedMemoryRegister);
        Unary(
            binder,
            "CudaSharedMemoryUnregister",
            CudaSharedMemoryUnregisterRequest.Parser,
            CudaSharedMemoryUnregisterResponse.Parser,
            service is null ? null : service.CudaSharedMemoryUnregister);
        binder.AddMethod(
            new Method<InferMessage, ModelInferResponse>(MethodType.Unary, Service, "ModelInfer", InferMarshaller.Instance, Response),
            service is null ? null! : service.ModelInfer);
        binder.AddMethod(
            new Method<InferMessage, ModelStreamInferResponse>(
                MethodType.DuplexStreaming, Service, "ModelStreamInfer", InferMarshaller.Instance, Of(ModelStreamInferResponse.Parser)),
            service is null ? null! : service.ModelStreamInfer);
    }

    internal static void Unary<TRequest, TResponse>(
        ServiceBinderBase binder,
        string name,
        MessageParser<TRequest> request,
        MessageParser<TResponse> response,
        UnaryServerMethod<TRequest, TResponse>? method,
        string service = Service)
        where TRequest : class, IMessage<TRequest>
        where TResponse : class, IMessage<TResponse> =>
        binder.AddMethod(new Method<TRequest, TResponse>(MethodType.Unary, service, name, Of(request), Of(response)), method!);

    private static Marshaller<T> Of<T>(MessageParser<T> parser)
        where T : class, IMessage<T> => new(
        static (message, context) =>
        {
            context.SetPayloadLength(message.CalculateSize());
            message.WriteTo(context.GetBufferWriter());
            context.Complete();
        },
        context =>
        {
            if (context.PayloadLength > MaxRequestBytes)
            {
                throw new RpcException(new Status(
                    StatusCode.InvalidArgument,
                        $"The request has {context.PayloadLength} bytes; up to {MaxRequestBytes} are taken where there are no tensors."));
            }

            try
            {
                return parser.ParseFrom(context.PayloadAsReadOnlySequence());
            }
            catch (InvalidProtocolBufferException error)
            {
                throw new RpcException(new Status(StatusCode.InvalidArgument, $"The message cannot be read: {error.Message}"));
            }
        });
}
