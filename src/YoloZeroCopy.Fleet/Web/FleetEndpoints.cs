using System.Reflection;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace YoloZeroCopy;

/// <summary>A fleet over HTTP, the same on every node.</summary>
public static class FleetEndpoints
{
    /// <summary>
    /// Maps the page and its interface: <c>GET /</c>, <c>GET /fleet</c> (nodes, cameras, ages), <c>GET /fleet/node</c> (this node, without Redis),
    /// <c>GET /fleet/cameras</c>, <c>PUT</c> and <c>DELETE /fleet/cameras/{id}</c>, <c>PUT /fleet/nodes/{node}</c> with <c>{"capacity": 20}</c>.
    /// </summary>
    /// <param name="endpoints">An application that is a node.</param>
    /// <returns>All of them, for rights and limits: whoever reaches them can add and remove cameras.</returns>
    public static IEndpointConventionBuilder MapYoloFleet(this IEndpointRouteBuilder endpoints)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        RouteGroupBuilder group = endpoints.MapGroup("");
        _ = group.MapGet("/", static () => Results.Text(Page, "text/html"));
        _ = group.MapGet("/fleet",
            static (FleetCameras cameras) => OrAwayAsync(async () => Results.Ok(await cameras.StatusAsync().ConfigureAwait(false))));
        _ = group.MapGet("/fleet/node", static (FleetNode node) => node.Report());
        _ = group.MapGet("/fleet/cameras", static (FleetCameras cameras) => cameras.All);
        _ = group.MapPut("/fleet/cameras/{id}", static (string id, CameraBody body, FleetCameras cameras) => OrAwayAsync(async () =>
        {
            try
            {
                FleetCamera camera = new() { Id = id, Source = body.Source ?? "", Priority = body.Priority };
                return await cameras.AddAsync(camera).ConfigureAwait(false) is { } refused
                    ? Results.Problem(refused, statusCode: StatusCodes.Status409Conflict, title: "The fleet is full")
                    : Results.Ok(camera);
            }
            catch (ArgumentException error)
            {
                return Results.Problem(error.Message, statusCode: StatusCodes.Status400BadRequest);
            }
        }));
        _ = group.MapDelete("/fleet/cameras/{id}", static (string id, FleetCameras cameras) => OrAwayAsync(async () =>
            await cameras.RemoveAsync(id).ConfigureAwait(false) ? Results.NoContent() : Results.NotFound()));
        _ = group.MapPut("/fleet/nodes/{node}", static (string node, NodeBody body, FleetCameras cameras) => OrAwayAsync(async () =>
        {
            try
            {
                await cameras.SetCapacityAsync(node, body.Capacity).ConfigureAwait(false);
                return Results.NoContent();
            }
            catch (ArgumentException error)
            {
                return Results.Problem(error.Message, statusCode: StatusCodes.Status400BadRequest);
            }
        }));
        return group;
    }

    private static string Page { get; } = ReadPage();

    private static string ReadPage()
    {
        using Stream stream = Assembly.GetExecutingAssembly().GetManifestResourceStream("fleet.html")!;
        using StreamReader reader = new(stream);
        return reader.ReadToEnd();
    }

    private static async Task<IResult> OrAwayAsync(Func<Task<IResult>> answer)
    {
        try
        {
            return await answer().ConfigureAwait(false);
        }
        catch (Exception error) when (FleetStore.IsAway(error))
        {
            return Results.Problem(
                $"Redis cannot be reached: {error.Message}", statusCode: StatusCodes.Status503ServiceUnavailable,
                title: "Cameras run on, and cannot be changed now");
        }
    }

    internal sealed record CameraBody(string? Source, int Priority);

    internal sealed record NodeBody(int Capacity);
}
