using System.Runtime.InteropServices;
using YoloZeroCopy.Cuda;

namespace YoloZeroCopy.Cli;

/// <summary>The outputs of two engines for one input, value by value: one on CUDA, one on the processor.</summary>
/// <param name="Values">Values compared.</param>
/// <param name="Share">Part of them whose difference is within the tolerance, relative to the value or, below 1, absolute.</param>
/// <param name="LargestDifference">The largest of these differences.</param>
internal sealed record EngineComparison(long Values, double Share, double LargestDifference)
{
    private const int Alignment = 64;

    public static unsafe EngineComparison Run(CudaContext context, InferenceEngine onCuda, InferenceEngine onCpu, int batch, double tolerance)
    {
        ModelInfo model = onCuda.Model;
        int inputBytes = model.InputBytes;
        nuint inputLength = (nuint)batch * (nuint)inputBytes;
        nuint outputLength = (nuint)batch * (nuint)model.OutputBytes;
        byte* memory = (byte*)NativeMemory.AlignedAlloc(inputLength + (2 * outputLength) + (3 * Alignment), Alignment);
        byte* first = memory + Align(inputLength);
        byte* second = first + Align(outputLength);
        try
        {
            byte[] picture = NoisePicture.Make(model.InputType, inputBytes);
            for (int index = 0; index < batch; index++)
            {
                picture.CopyTo(new Span<byte>(memory + ((nuint)index * (nuint)inputBytes), inputBytes));
            }

            using DeviceThread thread = new(context, "yzc selftest");
            thread.Run(() => RunOnCuda(context, onCuda, batch, memory, inputLength, first, outputLength));
            using (EngineContext cpu = onCpu.CreateContext(batch, (nint)memory, (nint)second, stream: 0))
            {
                cpu.Enqueue();
            }

            bool half = model.OutputType == TensorElementType.Float16;
            bool otherHalf = onCpu.Model.OutputType == TensorElementType.Float16;
            return half == otherHalf
                ? Compare(first, second, (long)outputLength / model.OutputType.ElementBytes(), half, tolerance)
                : throw new CliException(ExitCode.ModelUnusable, $"the engine gives {model.OutputType}, and ONNX Runtime {onCpu.Model.OutputType}");
        }
        finally
        {
            NativeMemory.AlignedFree(memory);
        }
    }

    private static unsafe void RunOnCuda(
        CudaContext context, InferenceEngine engine, int batch, byte* input, nuint inputLength, byte* output, nuint outputLength)
    {
        using CudaStream stream = new(context);
        using CudaDeviceMemory deviceInput = new(context, inputLength);
        using CudaDeviceMemory deviceOutput = new(context, outputLength);
        stream.CopyToDevice(deviceInput.Address, input, inputLength);
        stream.Fill(deviceOutput.Address, 0, outputLength);
        using EngineContext run = engine.CreateContext(batch, (nint)deviceInput.Address.Value, (nint)deviceOutput.Address.Value, stream.Handle.Value);
        run.Enqueue();
        stream.CopyToHost(output, deviceOutput.Address, outputLength);
        stream.Synchronize();
    }

    private static unsafe EngineComparison Compare(byte* first, byte* second, long count, bool half, double tolerance)
    {
        long within = 0;
        double largest = 0;
        for (long index = 0; index < count; index++)
        {
            double a = half ? (double)((Half*)first)[index] : ((float*)first)[index];
            double b = half ? (double)((Half*)second)[index] : ((float*)second)[index];

            // Written so that a NaN is no agreement.
            double difference = Math.Abs(a - b) / Math.Max(1, Math.Abs(b));
            within += difference <= tolerance ? 1 : 0;
            largest = double.IsNaN(difference) ? double.PositiveInfinity : Math.Max(largest, difference);
        }

        return new EngineComparison(count, (double)within / count, largest);
    }

    private static nuint Align(nuint bytes) => (bytes + Alignment - 1) & ~(nuint)(Alignment - 1);
}
