using YoloZeroCopy;

WebApplicationBuilder builder = WebApplication.CreateBuilder(args);
builder.Services.AddYoloDetector(builder.Configuration.GetSection("Detector"));
WebApplication app = builder.Build();
app.MapHealthChecks("/health");
app.MapPost("/detect", DetectAsync);
app.Run();

// Every slot is given back, whatever happens: by the using until the frame is submitted, by the detector after that.
static async Task<IResult> DetectAsync(HttpRequest request, YoloDetector detector, CancellationToken hungUp)
{
    using MemoryStream file = new();
    await request.Body.CopyToAsync(file, hungUp);
    try
    {
        PictureInfo info = PictureFile.ReadInfo(BytesOf(file), "upload");
        FrameFormat format = new(PixelFormat.Bgr24, info.Width, info.Height);
        using FrameSlot slot = await detector.RentAsync(format, hungUp);
        PictureFile.Decode(BytesOf(file), slot.Span, format, "upload");
        using DetectionResult result = await detector.SubmitAsync(slot, cancellationToken: hungUp);
        return Results.Ok(Array.ConvertAll(result.Detections.ToArray(), found => new Found(
            detector.Model.NameOf(found.ClassId), found.Score, found.X1, found.Y1, found.X2, found.Y2)));
    }
    catch (Exception error) when (error is MediaException or ArgumentException)
    {
        // No picture, or one larger than a slot.
        return Results.Problem(error.Message, statusCode: StatusCodes.Status400BadRequest);
    }
}

static ReadOnlySpan<byte> BytesOf(MemoryStream file) => file.GetBuffer().AsSpan(0, (int)file.Length);

/// <summary>An object in the picture; its box in the picture's pixels.</summary>
internal sealed record Found(string Name, float Score, float X1, float Y1, float X2, float Y2);
