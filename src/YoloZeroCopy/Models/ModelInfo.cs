using System.Collections.Immutable;

namespace YoloZeroCopy;

/// <summary>What a detection model's file and the engine that opened it say about the model.</summary>
/// <remarks>Immutable; any thread.</remarks>
public sealed record ModelInfo
{
    private const int NamesInMessage = 100;

    /// <summary>File the model came from.</summary>
    public required string Path { get; init; }

    /// <summary>Inputs as the file declares them, in its order.</summary>
    public required ImmutableArray<TensorInfo> Inputs { get; init; }

    /// <summary>Outputs as the file declares them, in its order.</summary>
    public required ImmutableArray<TensorInfo> Outputs { get; init; }

    /// <summary>Layout of the detection output.</summary>
    public required OutputLayout Layout { get; init; }

    /// <summary>
    /// Class names by class id. Classes that the metadata does not name are called <c>class0</c>, <c>class1</c> ... Empty for an end-to-end model
    /// without names.
    /// </summary>
    public required ImmutableArray<string> Names { get; init; }

    /// <summary>Largest stride of the network in pixels: input width and height are multiples of it.</summary>
    public required int Stride { get; init; }

    /// <summary>Width in pixels of the input the engine was opened for.</summary>
    public required int InputWidth { get; init; }

    /// <summary>Height in pixels of the input the engine was opened for.</summary>
    public required int InputHeight { get; init; }

    /// <summary>Batch size fixed in the model, or 0 when the model takes any.</summary>
    public required int FixedBatch { get; init; }

    /// <summary>Element type of the input tensor.</summary>
    public required TensorElementType InputType { get; init; }

    /// <summary>Element type of the output tensor.</summary>
    public required TensorElementType OutputType { get; init; }

    /// <summary>Shape of one picture's output, without the batch dimension: two numbers.</summary>
    public required (int Rows, int Columns) OutputShape { get; init; }

    /// <summary>Every key and value of the model's own metadata.</summary>
    public required ImmutableDictionary<string, string> Metadata { get; init; }

    /// <summary>Describes a model that is no file, with these classes, for <see cref="YoloDetector.FromFunction"/> and for tests.</summary>
    /// <param name="names">Class names by class id, one or more.</param>
    /// <returns>A description with an input of 640x640 and without tensors; <c>with</c> changes what should be otherwise.</returns>
    /// <exception cref="ArgumentException">No name.</exception>
    public static ModelInfo OfClasses(params IEnumerable<string> names)
    {
        ImmutableArray<string> all = [.. names];
        if (all.IsEmpty)
        {
            throw new ArgumentException("No class was named; a model has one or more.", nameof(names));
        }

        return new ModelInfo
        {
            Path = "a function",
            Inputs = [],
            Outputs = [],
            Layout = OutputLayout.EndToEnd,
            Names = all,
            Stride = 32,
            InputWidth = 640,
            InputHeight = 640,
            FixedBatch = 0,
            InputType = TensorElementType.Float32,
            OutputType = TensorElementType.Float32,
            OutputShape = (0, 6),
            Metadata = ImmutableDictionary<string, string>.Empty,
        };
    }

    /// <summary>Number of classes the model names; 0 for a model with NMS inside and no names.</summary>
    public int ClassCount => Names.Length;

    /// <summary>Bytes of one picture's input tensor.</summary>
    internal int InputBytes => checked(3 * InputWidth * InputHeight * InputType.ElementBytes());

    /// <summary>Bytes of one picture's output tensor.</summary>
    internal int OutputBytes => checked(OutputShape.Rows * OutputShape.Columns * OutputType.ElementBytes());

    // Where nothing says how many classes there are, ids are only held to what a class id can sensibly be.
    internal int ClassLimit => ClassCount == 0 ? 65536 : ClassCount;

    /// <summary>Name of a class, or <c>class</c> and its id where the model gives none.</summary>
    /// <param name="classId">Id as a <see cref="Detection"/> has it.</param>
    public string NameOf(int classId) => (uint)classId < (uint)Names.Length ? Names[classId] : $"class{classId}";

    /// <summary>Id of a class, as <see cref="Detection.ClassId"/> and <see cref="DetectorOptions.Classes"/> have it.</summary>
    /// <param name="name">Its name, as in <see cref="Names"/>.</param>
    /// <exception cref="ArgumentException">The model has no class of this name; the message lists those it has.</exception>
    public int IdOf(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        int id = Names.IndexOf(name);
        if (id >= 0)
        {
            return id;
        }

        string known = ClassCount == 0 ? "no names" : string.Join(", ", Names.Take(NamesInMessage));
        string more = ClassCount > NamesInMessage ? $" and {ClassCount - NamesInMessage} more" : "";
        throw new ArgumentException($"The model has no class '{name}'; it has {known}{more}.", nameof(name));
    }
}
