using System.Runtime.InteropServices;
using OpenCvSharp;
using OpenCvSharp.Dnn;

namespace YoloZeroCopy.Peers;

/// <summary>OpenCV's own runtime of models, on the processor. It reads models of fixed size only.</summary>
internal sealed class OpenCvWay : Way
{
    private readonly Net net;

    public OpenCvWay(string fixedModel) =>
        net = CvDnn.ReadNetFromOnnx(fixedModel) ?? throw new InvalidOperationException("OpenCV did not read the model.");

    public override string Name => "OpenCvSharp4, OpenCV's dnn";

    /// <summary>Whether its native library is there, with what that needs of the system.</summary>
    public static bool CanBeUsed(out string? why)
    {
        try
        {
            why = null;
            return Cv2.GetVersionString() is not null;
        }
        catch (Exception error) when (error is DllNotFoundException or TypeInitializationException or OpenCvSharpException)
        {
            why = (error.InnerException ?? error).Message.Split('\n')[0];
            return false;
        }
    }

    /// <summary>Letterbox and conversion as OpenCV's functions do it.</summary>
    public static void Fill(Frame frame, in Letterbox letterbox, float[] tensor)
    {
        using Mat blob = Blob(frame, in letterbox);
        Marshal.Copy(blob.Data, tensor, 0, tensor.Length);
    }

    public override ValueTask<Detection[]> DetectAsync(Frame frame)
    {
        Letterbox letterbox = new(frame.Width, frame.Height, YoloOutput.InputSize, YoloOutput.InputSize);
        using Mat blob = Blob(frame, in letterbox);
        net.SetInput(blob);
        using Mat output = net.Forward();
        int channels = output.Size(1);
        int anchors = output.Size(2);
        float[] values = new float[channels * anchors];
        Marshal.Copy(output.Data, values, 0, values.Length);
        return new(YoloOutput.Decode(values, channels, anchors, in letterbox, frame));
    }

    public override void Dispose() => net.Dispose();

    private static Mat Blob(Frame frame, in Letterbox letterbox)
    {
        const int Size = YoloOutput.InputSize;
        using Mat picture = Mat.FromPixelData(frame.Height, frame.Width, MatType.CV_8UC3, frame.Pixels);
        using Mat scaled = new();
        Cv2.Resize(picture, scaled, new Size(letterbox.Width, letterbox.Height), interpolation: InterpolationFlags.Linear);
        using Mat input = new();
        Cv2.CopyMakeBorder(
            scaled,
            input,
            letterbox.Top,
            Size - letterbox.Height - letterbox.Top,
            letterbox.Left,
            Size - letterbox.Width - letterbox.Left,
            BorderTypes.Constant,
            Scalar.All(Letterbox.Border));
        return CvDnn.BlobFromImage(input, 1 / 255.0, new Size(Size, Size), default, swapRB: true, crop: false);
    }
}
