using YoloZeroCopy;

WebApplicationBuilder builder = WebApplication.CreateBuilder(args);
builder.Services.AddYoloDetector(builder.Configuration.GetSection("Detector"));
WebApplication app = builder.Build();
app.MapHealthChecks("/health");
app.MapPost("/detect", DetectAsync);
app.Run();

static async Task<IResult> DetectAsync(HttpRequest request, IDetector detector, CancellationToken hungUp)
{
    try
    {
        using DetectionResult result = await detector.DetectAsync(request.Body, hungUp);
        return Results.Ok(Array.ConvertAll(result.ToArray(), found => new Found(
            detector.Model.NameOf(found.ClassId), found.Score, found.X1, found.Y1, found.X2, found.Y2)));
    }
    catch (MediaException error)
    {
        // No picture, or one larger than a slot.
        return Results.Problem(error.Message, statusCode: StatusCodes.Status400BadRequest);
    }
}

/// <summary>An object in the picture; its box in the picture's pixels.</summary>
internal sealed record Found(string Name, float Score, float X1, float Y1, float X2, float Y2);
