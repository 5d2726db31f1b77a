using Grpc.Core;
using YoloZeroCopy.Server.Protocol;

namespace YoloZeroCopy.Server;

/// <summary>What a probe of Kubernetes asks: whether requests should come here.</summary>
[BindServiceMethod(typeof(HealthService), nameof(Bind))]
internal class HealthService(ModelRepository models)
{
    /// <summary>The service's name.</summary>
    public const string Service = "grpc.health.v1.Health";

    /// <summary>Called by the host, with no service, to learn the methods.</summary>
    public static void Bind(ServiceBinderBase binder, HealthService? service) => InferenceMethods.Unary(
        binder, "Check", HealthCheckRequest.Parser, HealthCheckResponse.Parser, service is null ? null : service.Check, Service);

    public virtual Task<HealthCheckResponse> Check(HealthCheckRequest request, ServerCallContext context) =>
        request.Service is "" or InferenceMethods.Service
            ? Task.FromResult(new HealthCheckResponse
            {
                Status = models.IsReady ? HealthCheckResponse.Types.ServingStatus.Serving : HealthCheckResponse.Types.ServingStatus.NotServing,
            })
            : throw new RpcException(new Status(StatusCode.NotFound, "There is no such service."));
}
