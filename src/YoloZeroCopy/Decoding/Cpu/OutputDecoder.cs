namespace YoloZeroCopy;

/// <summary>Turns what an engine gave for a batch into the detections of each frame, on the processor.</summary>
/// <remarks>One thread at a time; a lane owns one. Decoding allocates nothing.</remarks>
internal abstract class OutputDecoder
{
    /// <summary>Decodes one picture of a batch.</summary>
    /// <param name="output">Address of the engine's output tensor, of the whole batch, which may be larger than a span; only read.</param>
    /// <param name="batch">Pictures of the batch.</param>
    /// <param name="picture">Which one.</param>
    /// <param name="letterbox">How the frame was laid into the input.</param>
    /// <param name="detections">Takes the detections in pixels of the frame, by falling score.</param>
    /// <returns>Number of detections.</returns>
    /// <exception cref="InferenceException">The output holds a value that no detector gives.</exception>
    public abstract int Decode(nint output, int batch, int picture, in Letterbox letterbox, Span<Detection> detections);

    /// <summary>The decoder for an engine's output.</summary>
    public static OutputDecoder For(InferenceEngine engine, DecodingOptions options)
    {
        ModelInfo model = engine.Model;
        return engine.Head is DetectionHead head
            ? For(head, options)
            : new DetectionDecoder(model.Layout, model.OutputShape.Rows, model.OutputShape.Columns, model.ClassLimit, model.OutputType, options);
    }

    /// <summary>The decoder for the maps of a head.</summary>
    public static OutputDecoder For(DetectionHead head, DecodingOptions options) => head.Layout switch
    {
        OutputLayout.AnchorsFirst => new AnchorBoxDecoder(head, options),
        OutputLayout.EndToEnd => new BestPairDecoder(head, options),
        _ => new HeadDecoder(head, options),
    };
}
