using System.Collections.Immutable;

namespace YoloZeroCopy;

/// <summary>A model's picture input, checked and resolved to one size.</summary>
/// <param name="Tensor">The input as the model declares it.</param>
/// <param name="ElementType">Its element type.</param>
/// <param name="FixedBatch">Batch size that the model fixes, or 0.</param>
/// <param name="Width">Width in pixels.</param>
/// <param name="Height">Height in pixels.</param>
internal sealed record PictureInput(OnnxTensor Tensor, TensorElementType ElementType, int FixedBatch, int Width, int Height)
{
    internal const int MaxBatch = 4096;

    private const int Batch = 0;
    private const int Channel = 1;
    private const int Row = 2;
    private const int Column = 3;

    /// <summary>Checks that a model takes one tensor of RGB pictures and decides their size.</summary>
    /// <param name="path">File of the model, for messages.</param>
    /// <param name="inputs">The model's inputs.</param>
    /// <param name="asked">Size that the caller asks for; null leaves it to the model and its metadata.</param>
    /// <param name="metadata">The model's metadata.</param>
    /// <param name="stride">Stride of the network; width and height must be multiples of it.</param>
    /// <exception cref="ModelException">The model takes something else, or not pictures of that size.</exception>
    public static PictureInput Resolve(
        string path, ImmutableArray<OnnxTensor> inputs, (int Width, int Height)? asked, IReadOnlyDictionary<string, string> metadata, int stride)
    {
        OnnxTensor input = Choose(path, inputs);
        (int width, int height) = asked ?? DefaultSize(path, input, metadata);
        if (WhyNot(input, width, height, stride) is string reason)
        {
            throw new ModelException(path, reason);
        }

        bool isSquare = input.Shape[Row] < 0 && input.Shape[Column] < 0 && input.Symbols[Row].Length > 0
            && input.Symbols[Row] == input.Symbols[Column];
        if (isSquare && width != height)
        {
            throw new ModelException(path, $"input {input} takes square pictures only; {width}x{height} was asked with InputSize (`--imgsz`).");
        }

        return new PictureInput(input, input.ElementType!.Value, (int)Math.Max(0, input.Shape[Batch]), width, height);
    }

    /// <summary>Takes a model's one input, which must be a tensor of RGB pictures of a size that can be.</summary>
    /// <exception cref="ModelException">There are several, or it is something else.</exception>
    public static OnnxTensor Choose(string path, ImmutableArray<OnnxTensor> inputs)
    {
        if (inputs.Length != 1)
        {
            throw new ModelException(path, $"it has {inputs.Length} inputs ({string.Join("; ", inputs)}); a detection model has one, [N,3,H,W].");
        }

        OnnxTensor input = inputs[0];
        if (input.Shape.Length != 4)
        {
            throw new ModelException(path, $"input {input} is no picture tensor; [N,3,H,W] is wanted.");
        }

        if (input.Shape[Channel] is not (3 or -1))
        {
            string hint = input.Shape[Column] == 3 ? " Its channels come last; export it with channels first." : string.Empty;
            throw new ModelException(path, $"input {input} has {input.Shape[Channel]} channels; three are wanted, [N,3,H,W].{hint}");
        }

        if (input.ElementType is null)
        {
            throw new ModelException(path, $"input {input} is of type {input.TypeName}; float, float16 or uint8 is wanted.");
        }

        if (input.Shape[Batch] is 0 or > MaxBatch
            || input.Shape[Row] is 0 or > FrameFormat.MaxSize
            || input.Shape[Column] is 0 or > FrameFormat.MaxSize)
        {
            throw new ModelException(path, $"input {input} cannot be used: N is 1 to {MaxBatch}, H and W are 1 to {FrameFormat.MaxSize}.");
        }

        return input;
    }

    /// <summary>Size that the model fixes, or its metadata names, or that nearly every YOLO has.</summary>
    /// <exception cref="ModelException">The metadata names none that can be.</exception>
    public static (int Width, int Height) DefaultSize(string path, OnnxTensor input, IReadOnlyDictionary<string, string> metadata)
    {
        long fixedWidth = input.Shape[Column];
        long fixedHeight = input.Shape[Row];
        if (fixedWidth > 0 && fixedHeight > 0)
        {
            return ((int)fixedWidth, (int)fixedHeight);
        }

        (int Width, int Height) wanted = (ModelMetadata.DefaultSize, ModelMetadata.DefaultSize);
        if (metadata.TryGetValue("imgsz", out string? text) && !ModelMetadata.TryReadImageSize(text, out wanted))
        {
            throw new ModelException(
                path,
                $"its metadata imgsz is '{ModelMetadata.Excerpt(text)}', which is no size of 1 to {FrameFormat.MaxSize} pixels; give an image size.");
        }

        return (fixedWidth > 0 ? (int)fixedWidth : wanted.Width, fixedHeight > 0 ? (int)fixedHeight : wanted.Height);
    }

    /// <summary>Why a model cannot run at a size; null when nothing speaks against it.</summary>
    public static string? WhyNot(OnnxTensor input, int width, int height, int stride)
    {
        long fixedWidth = input.Shape[Column];
        long fixedHeight = input.Shape[Row];
        if ((fixedWidth > 0 && fixedWidth != width) || (fixedHeight > 0 && fixedHeight != height))
        {
            return $"its input {input} is fixed at {Show(fixedWidth)}x{Show(fixedHeight)} (width x height), but {width}x{height} was asked. "
                + "Leave the size out, or export the model with dynamic input.";
        }

        return width % stride != 0 || height % stride != 0
            ? $"an input of {width}x{height} pixels does not fit: width and height must be multiples of the model's stride, {stride}."
            : null;
    }

    /// <summary>A batch that models with a free one are tried with; 0 where it cannot be fixed by name. Not 1, which some fix in their
    /// middle.</summary>
    public int TrialBatch => BatchHasName ? 2 : 0;

    // A batch of the same name as another dimension cannot be fixed: the name has one value only.
    private bool BatchHasName => Tensor.Shape[Batch] < 0 && Tensor.Symbols[Batch].Length > 0
        && Tensor.Symbols.Count(name => name == Tensor.Symbols[Batch]) == 1;

    /// <summary>Free dimensions to fix by name, so that the runtime can fold all shape arithmetic.</summary>
    /// <param name="batch">Batch to fix, too; 0 leaves it free.</param>
    /// <param name="fixesSize">Whether width and height are fixed, too.</param>
    public IEnumerable<(string Name, int Value)> Overrides(int batch = 0, bool fixesSize = true)
    {
        HashSet<string> seen = [string.Empty, Tensor.Shape[Batch] < 0 ? Tensor.Symbols[Batch] : string.Empty];

        if (batch != 0 && BatchHasName)
        {
            yield return (Tensor.Symbols[Batch], batch);
        }

        foreach ((int dimension, int value) in ((int, int)[])[(Channel, 3), (Row, Height), (Column, Width)])
        {
            if (Tensor.Shape[dimension] < 0 && (fixesSize || dimension == Channel) && seen.Add(Tensor.Symbols[dimension]))
            {
                yield return (Tensor.Symbols[dimension], value);
            }
        }
    }

    private static string Show(long dimension) => dimension > 0 ? $"{dimension}" : "any";
}
