using System.Collections.Immutable;
using System.Runtime.InteropServices;
using YoloZeroCopy.Interop;

namespace YoloZeroCopy;

/// <summary>A model's detection output with its whole shape known.</summary>
/// <param name="Name">Name in the model.</param>
/// <param name="ElementType">Its element type.</param>
/// <param name="Shape">Batch (1 or -1 where it is free), rows, columns.</param>
/// <param name="FixedBatch">Batch size that input or output fix, or 0.</param>
internal sealed record DetectionOutput(string Name, TensorElementType ElementType, ImmutableArray<long> Shape, int FixedBatch)
{
    private const int MaskChannels = 32;
    private const int MaskStride = 4;

    /// <summary>
    /// Finds the detection output among a session's outputs: the first with three dimensions. Runs the model once when the session does not know its
    /// shape.
    /// </summary>
    /// <param name="path">File of the model, for messages.</param>
    /// <param name="library">The runtime.</param>
    /// <param name="session">A session that was opened for shapes.</param>
    /// <param name="input">The model's input.</param>
    /// <exception cref="ModelException">There is no such output, or it cannot be one of a detection model.</exception>
    /// <exception cref="InferenceException">The model could not be run to learn its output's shape.</exception>
    public static unsafe DetectionOutput Resolve(string path, OnnxRuntimeLibrary library, OrtHandle session, PictureInput input)
    {
        OnnxTensor output = Choose(path, new OrtSessionReader(library.Api, session.Value).Outputs(), input);
        int batch = BatchOf(output with { Shape = WithoutTrial(output.Shape, input) }, input, out int fixedBatch);
        ImmutableArray<long> shape = output.Shape[1] > 0 && output.Shape[2] > 0 ? output.Shape
            : Probe(library, session, input, output.Name, Math.Max(batch, input.TrialBatch));
        return Create(path, output, WithoutTrial(shape, input), batch, fixedBatch);
    }

    /// <summary>Finds the detection output among outputs whose shapes are all known.</summary>
    /// <exception cref="ModelException">There is no such output, or it cannot be one of a detection model.</exception>
    public static DetectionOutput FromKnownShapes(string path, ImmutableArray<OnnxTensor> outputs, PictureInput input)
    {
        OnnxTensor output = Choose(path, outputs, input);
        int batch = BatchOf(output, input, out int fixedBatch);
        return Create(path, output, output.Shape, batch, fixedBatch);
    }

    private static OnnxTensor Choose(string path, ImmutableArray<OnnxTensor> outputs, PictureInput input)
    {
        OnnxTensor output = outputs.FirstOrDefault(static tensor => tensor.Shape.Length == 3)
            ?? throw new ModelException(
                path,
                $"none of its outputs ({string.Join("; ", outputs)}) has the three dimensions of a detection "
                    + $"output, [N,4+C,A], [N,A,5+C] or [N,K,6].");
        if (output.ElementType is not (TensorElementType.Float32 or TensorElementType.Float16))
        {
            throw new ModelException(path, $"output {output} is of type {output.TypeName}; float or float16 is wanted.");
        }

        if (outputs.FirstOrDefault(tensor => IsMaskPrototype(tensor, input)) is OnnxTensor mask)
        {
            throw new ModelException(path, $"output {mask} beside {output} is that of a segmentation model; a 'detect' model is wanted.");
        }

        return output;
    }

    private static int BatchOf(OnnxTensor output, PictureInput input, out int fixedBatch)
    {
        fixedBatch = input.FixedBatch != 0 ? input.FixedBatch : (int)Math.Clamp(output.Shape[0], 0, PictureInput.MaxBatch);
        return Math.Max(1, fixedBatch);
    }

    private static ImmutableArray<long> WithoutTrial(ImmutableArray<long> shape, PictureInput input) =>
        input.TrialBatch != 0 && shape.Length > 0 && shape[0] == input.TrialBatch ? shape.SetItem(0, -1) : shape;

    private static DetectionOutput Create(string path, OnnxTensor output, ImmutableArray<long> shape, int batch, int fixedBatch)
    {
        if (shape.Length == 3 && shape[0] >= 0 && shape[0] != batch)
        {
            throw new ModelException(path, $"output {output} has {shape[0]} pictures for a batch of {batch}.");
        }

        return new DetectionOutput(output.Name, output.ElementType!.Value, shape, fixedBatch);
    }

    private static bool IsMaskPrototype(OnnxTensor tensor, PictureInput input) =>
        tensor.Shape.Length == 4 && tensor.Shape[1] == MaskChannels
        && (tensor.Shape[2] < 0 || tensor.Shape[2] == input.Height / MaskStride)
        && (tensor.Shape[3] < 0 || tensor.Shape[3] == input.Width / MaskStride);

    private static unsafe ImmutableArray<long> Probe(OnnxRuntimeLibrary library, OrtHandle session, PictureInput input, string outputName, int batch)
    {
        long[] shape = [batch, 3, input.Height, input.Width];
        void* picture = NativeMemory.AllocZeroed((nuint)OnnxRuntimeBinding.ByteCount(input.ElementType, shape));
        try
        {
            using OnnxRuntimeBinding binding = OnnxRuntimeBinding.OnCpu(library, session);
            binding.BindInput(input.Tensor.Name, input.ElementType, shape, (nint)picture);
            binding.BindOutput(outputName);
            binding.Run();
            return binding.OutputShape();
        }
        finally
        {
            NativeMemory.Free(picture);
        }
    }
}
