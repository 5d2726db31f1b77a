using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace YoloZeroCopy.Peers;

/// <summary>ONNX Runtime's package as most programs use it: a tensor is filled, the session run, and the output read into lists.</summary>
internal sealed class RuntimeWay : Way
{
    private readonly InferenceSession session;
    private readonly string input;
    private readonly Fill fill;
    private readonly string how;

    /// <param name="model">The model's file.</param>
    /// <param name="cuda">Whether its CUDA provider runs it.</param>
    /// <param name="how">How the tensor is filled, in words.</param>
    /// <param name="fill">Fills it.</param>
    public RuntimeWay(string model, bool cuda, string how, Fill fill)
    {
        this.how = how;
        this.fill = fill;
        using SessionOptions options = cuda ? SessionOptions.MakeSessionOptionWithCudaProvider(0) : new SessionOptions();
        session = new InferenceSession(model, options);
        input = session.InputMetadata.Keys.First();
    }

    /// <summary>Writes a letterboxed picture as planes of red, green and blue, 0 to 1.</summary>
    public delegate void Fill(Frame frame, in Letterbox letterbox, float[] tensor);

    public override string Name => $"Microsoft.ML.OnnxRuntime, {how}";

    public override ValueTask<Detection[]> DetectAsync(Frame frame)
    {
        const int Size = YoloOutput.InputSize;
        Letterbox letterbox = new(frame.Width, frame.Height, Size, Size);
        float[] values = new float[3 * Size * Size];
        fill(frame, in letterbox, values);
        DenseTensor<float> tensor = new(values, [1, 3, Size, Size]);
        using IDisposableReadOnlyCollection<DisposableNamedOnnxValue> outputs = session.Run([NamedOnnxValue.CreateFromTensor(input, tensor)]);
        Tensor<float> output = outputs[0].AsTensor<float>();
        float[] found = output.ToArray();
        return new(YoloOutput.Decode(found, output.Dimensions[1], output.Dimensions[2], in letterbox, frame));
    }

    public override void Dispose() => session.Dispose();
}
