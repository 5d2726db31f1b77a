using System.Diagnostics;
using Grpc.Core;
using YoloZeroCopy.Server.Protocol;

namespace YoloZeroCopy.Server;

/// <summary>The protocol's service over gRPC.</summary>
/// <remarks>The host finds methods by name, and virtual ones only.</remarks>
[BindServiceMethod(typeof(InferenceMethods), nameof(InferenceMethods.Bind))]
internal class InferenceService(
    DetectionServerOptions options, ModelRepository models, SharedRegions regions, Inference inference, Breaking breaking)
{
    public virtual Task<ServerLiveResponse> ServerLive(ServerLiveRequest request, ServerCallContext context) =>
        Task.FromResult(new ServerLiveResponse { Live = models.IsLive });

    public virtual Task<ServerReadyResponse> ServerReady(ServerReadyRequest request, ServerCallContext context) =>
        Task.FromResult(new ServerReadyResponse { Ready = models.IsReady });

    public virtual Task<ServerMetadataResponse> ServerMetadata(ServerMetadataRequest request, ServerCallContext context) =>
        Task.FromResult(ModelDescriptions.OfServer(options));

    public virtual Task<ModelReadyResponse> ModelReady(ModelReadyRequest request, ServerCallContext context) => Answer(() =>
    {
        ServedModel model = models.Find(request.Name, request.Version);
        model.CheckFault();
        return new ModelReadyResponse { Ready = model.IsReady };
    });

    public virtual Task<ModelMetadataResponse> ModelMetadata(ModelMetadataRequest request, ServerCallContext context) =>
        Answer(() => ModelDescriptions.Of(models.Find(request.Name, request.Version), options));

    public virtual Task<ModelStatisticsResponse> ModelStatistics(ModelStatisticsRequest request, ServerCallContext context) =>
        Answer(() => ModelDescriptions.Statistics(request.Name.Length == 0 ? models.Models : [models.Find(request.Name, request.Version)]));

    public virtual Task<RepositoryIndexResponse> RepositoryIndex(RepositoryIndexRequest request, ServerCallContext context) =>
        Answer(() => ModelDescriptions.Index(models.Models, request.Ready));

    public virtual Task<RepositoryModelLoadResponse> RepositoryModelLoad(RepositoryModelLoadRequest request, ServerCallContext context) =>
        AnswerAsync(async () =>
    {
        if (request.Parameters.Count > 0)
        {
            throw RequestException.Invalid("A model is loaded as it is in the folder; parameters of its loading are not taken.");
        }

        await models.FindToControl(request.ModelName, isNew: true).LoadAsync(context.CancellationToken).ConfigureAwait(false);
        return new RepositoryModelLoadResponse();
    });

    public virtual Task<RepositoryModelUnloadResponse> RepositoryModelUnload(RepositoryModelUnloadRequest request, ServerCallContext context) =>
        AnswerAsync(async () =>
    {
        await models.FindToControl(request.ModelName, isNew: false).UnloadAsync(context.CancellationToken).ConfigureAwait(false);
        return new RepositoryModelUnloadResponse();
    });

    public virtual Task<SystemSharedMemoryStatusResponse> SystemSharedMemoryStatus(
        SystemSharedMemoryStatusRequest request, ServerCallContext context) => Answer(() =>
    {
        SystemSharedMemoryStatusResponse response = new();
        foreach (SystemRegion region in regions.List<SystemRegion>(request.Name))
        {
            response.Regions[region.Name] = new SystemSharedMemoryStatusResponse.Types.RegionStatus
            {
                Name = region.Name,
                Key = region.Key,
                Offset = (ulong)region.Offset,
                ByteSize = (ulong)region.ByteCount,
            };
        }

        return response;
    });

    public virtual Task<SystemSharedMemoryRegisterResponse> SystemSharedMemoryRegister(
        SystemSharedMemoryRegisterRequest request, ServerCallContext context) => Answer(() =>
    {
        regions.Register(request);
        return new SystemSharedMemoryRegisterResponse();
    });

    public virtual Task<SystemSharedMemoryUnregisterResponse> SystemSharedMemoryUnregister(
        SystemSharedMemoryUnregisterRequest request, ServerCallContext context) => Answer(() =>
    {
        regions.Unregister<SystemRegion>(request.Name);
        return new SystemSharedMemoryUnregisterResponse();
    });

    public virtual Task<CudaSharedMemoryStatusResponse> CudaSharedMemoryStatus(CudaSharedMemoryStatusRequest request, ServerCallContext context) =>
        Answer(() =>
    {
        CudaSharedMemoryStatusResponse response = new();
        foreach (CudaRegion region in regions.List<CudaRegion>(request.Name))
        {
            response.Regions[region.Name] = new CudaSharedMemoryStatusResponse.Types.RegionStatus
            {
                Name = region.Name,
                DeviceId = (ulong)region.DeviceOrdinal,
                ByteSize = (ulong)region.ByteCount,
            };
        }

        return response;
    });

    public virtual Task<CudaSharedMemoryRegisterResponse> CudaSharedMemoryRegister(
        CudaSharedMemoryRegisterRequest request, ServerCallContext context) => Answer(() =>
    {
        regions.Register(request);
        return new CudaSharedMemoryRegisterResponse();
    });

    public virtual Task<CudaSharedMemoryUnregisterResponse> CudaSharedMemoryUnregister(
        CudaSharedMemoryUnregisterRequest request, ServerCallContext context) => Answer(() =>
    {
        regions.Unregister<CudaRegion>(request.Name);
        return new CudaSharedMemoryUnregisterResponse();
    });

    public virtual Task<ModelInferResponse> ModelInfer(InferMessage request, ServerCallContext context) => AnswerAsync(async () =>
    {
        long arrivedAt = Stopwatch.GetTimestamp();
        RequestGate.Received(context.GetHttpContext());
        using CancellationTokenSource sender = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, breaking.Token);
        return (await inference.RunAsync(request, "grpc", arrivedAt, sender.Token).ConfigureAwait(false)).Response;
    });

    public virtual async Task ModelStreamInfer(
        IAsyncStreamReader<InferMessage> requests, IServerStreamWriter<ModelStreamInferResponse> responses, ServerCallContext context)
    {
        using CancellationTokenSource sender = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, breaking.Token);
        using InferenceStream stream = new(options, models, regions, inference, responses, breaking.Draining, sender.Token);
        try
        {
            await stream.RunAsync(requests).ConfigureAwait(false);
        }
        catch (Exception error)
        {
            throw ToRpc(error);
        }
    }

    private static Task<T> Answer<T>(Func<T> answer)
    {
        try
        {
            return Task.FromResult(answer());
        }
        catch (Exception error)
        {
            throw ToRpc(error);
        }
    }

    private static async Task<T> AnswerAsync<T>(Func<Task<T>> answer)
    {
        try
        {
            return await answer().ConfigureAwait(false);
        }
        catch (Exception error)
        {
            throw ToRpc(error);
        }
    }

    private static RpcException ToRpc(Exception error) => error as RpcException ?? Answers.ToRpc(RequestException.Of(error, isCancelled: true));
}
