namespace YoloZeroCopy.Tests;

/// <summary>What an engine finds in pictures of random bytes, as large as its input.</summary>
internal static class NoiseDetections
{
    public static unsafe Detection[][] Of(InferenceEngine engine, int batch, DecodingOptions options)
    {
        ModelInfo model = engine.Model;
        byte[] input = new byte[batch * model.InputBytes];
        byte[] output = new byte[batch * engine.OutputBytes];
        CpuPreprocessor preprocessor = new(model.InputWidth, model.InputHeight, model.InputType);
        FrameFormat format = new(PixelFormat.Bgr24, model.InputWidth, model.InputHeight);
        for (int picture = 0; picture < batch; picture++)
        {
            byte[] pixels = new byte[format.ByteCount];
            new Random(picture).NextBytes(pixels);
            preprocessor.Run(pixels, format, input.AsSpan(picture * model.InputBytes, model.InputBytes));
        }

        Letterbox letterbox = new(model.InputWidth, model.InputHeight, model.InputWidth, model.InputHeight);
        OutputDecoder decoder = OutputDecoder.For(engine, options);
        Detection[] found = new Detection[options.MaxDetections];
        fixed (byte* from = input, to = output)
        {
            using EngineContext context = engine.CreateContext(batch, (nint)from, (nint)to, stream: 0);
            context.Enqueue();
            nint address = (nint)to;
            return [.. Enumerable.Range(0, batch).Select(picture => found[..decoder.Decode(address, batch, picture, letterbox, found)])];
        }
    }
}
