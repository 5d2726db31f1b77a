using System.Runtime.InteropServices;

namespace YoloZeroCopy.Cli;

/// <summary>A tensor with values of a picture, 0 to 1: numbers far outside, or denormal ones, would change an engine's speed.</summary>
internal static class NoisePicture
{
    public static byte[] Make(TensorElementType type, int byteCount)
    {
        byte[] tensor = new byte[byteCount];
        Random random = new(1);
        switch (type)
        {
            case TensorElementType.Float32:
                foreach (ref float value in MemoryMarshal.Cast<byte, float>(tensor.AsSpan()))
                {
                    value = random.Next(256) / 255f;
                }

                break;
            case TensorElementType.Float16:
                foreach (ref Half value in MemoryMarshal.Cast<byte, Half>(tensor.AsSpan()))
                {
                    value = (Half)(random.Next(256) / 255f);
                }

                break;
            default:
                random.NextBytes(tensor);
                break;
        }

        return tensor;
    }
}
