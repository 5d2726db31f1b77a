using System.Collections.Immutable;

namespace YoloZeroCopy;

/// <summary>What a loaded plan is as a detection model, with the profile it runs in. Immutable; any thread.</summary>
internal sealed class TensorRtModel
{
    private const long Alignment = 256;

    private readonly string input;
    private readonly string output;
    private readonly ImmutableArray<TensorRtTensor> others;

    private TensorRtModel(
        ModelInfo info, TensorRtProfileChoice profile, string profileText, string input, string output, ImmutableArray<TensorRtTensor> others)
    {
        Info = info;
        Profile = profile;
        ProfileText = profileText;
        this.input = input;
        this.output = output;
        this.others = others;
    }

    public ModelInfo Info { get; }

    public TensorRtProfileChoice Profile { get; }

    /// <summary>The profile for people, and what the others would take.</summary>
    public string ProfileText { get; }

    /// <summary>Finds out all about a plan. Runs where the device's context is current.</summary>
    /// <exception cref="InferenceException">TensorRT refused a shape.</exception>
    /// <exception cref="ModelException">It is no detection model this library can run, or no profile fits the size.</exception>
    public static TensorRtModel Read(TensorRtPlan plan, TensorRtPlanFile file, (int Width, int Height)? imageSize, TensorRtDevice device)
    {
        string path = file.Path;
        ModelMetadata.ThrowIfNotDetection(path, file.Metadata);

        int stride = ModelMetadata.StrideOf(file.Metadata);
        (TensorRtProfileChoice profile, string text, PictureInput picture) = ReadInput(plan, file, imageSize, stride);
        ImmutableArray<TensorRtTensor> tensors = [.. plan.Tensors.Select((_, index) => plan.ReadTensor(index, profile.Index))];
        RefuseUnusual(path, tensors);

        // What TensorRT makes of the shapes, asked for one size of batch.
        using TensorRtExecution probe = new(plan, device, profile.Index, picture.Tensor.Name, Shape(picture, profile.MinBatch), device.Stream);
        ImmutableArray<OnnxTensor> outputs =
        [
            .. tensors.Where(static tensor => !tensor.IsInput).Select(tensor => tensor.ToOnnx(WithFreeBatch(probe.ShapeOf(tensor.Name), tensor))),
        ];
        DetectionOutput output = DetectionOutput.FromKnownShapes(path, outputs, picture);
        ModelInfo info = ModelDescription.Create(
            path,
            [.. tensors.Where(static tensor => tensor.IsInput).Select(static tensor => tensor.ToOnnx().ToInfo())],
            [.. tensors.Where(static tensor => !tensor.IsInput).Select(static tensor => tensor.ToOnnx().ToInfo())],
            file.Metadata,
            stride,
            picture,
            output);
        return new TensorRtModel(
            info, profile, text, picture.Tensor.Name, output.Name, [.. tensors.Where(tensor => !tensor.IsInput && tensor.Name != output.Name)]);
    }

    /// <summary>Makes an execution for a batch.</summary>
    public TensorRtExecution Prepare(TensorRtPlan plan, TensorRtDevice device, int batch, nint stream) =>
        new(plan, device, Profile.Index, input, [batch, 3, Info.InputHeight, Info.InputWidth], stream);

    /// <summary>Bytes that a context of a batch works in: what TensorRT asks for, and the outputs that nobody reads.</summary>
    public long MemoryFor(TensorRtExecution execution, int batch) => Align(execution.RequiredMemory())
        + others.Sum(tensor => BytesOf(tensor, execution, batch));

    /// <summary><see cref="MemoryFor"/> by an execution that is made only to ask. Runs where the device's context is current.</summary>
    public long Measure(TensorRtPlan plan, TensorRtDevice device, int batch)
    {
        using TensorRtExecution execution = Prepare(plan, device, batch, device.Stream);
        return MemoryFor(execution, batch);
    }

    /// <summary>Binds tensors and memory.</summary>
    public void Bind(TensorRtExecution execution, int batch, nint inputAddress, nint outputAddress, nint memory)
    {
        long required = execution.RequiredMemory();
        execution.SetMemory(required == 0 ? 0 : memory, required);
        execution.SetAddress(input, inputAddress);
        execution.SetAddress(output, outputAddress);
        long next = Align(required);
        foreach (TensorRtTensor other in others)
        {
            // TensorRT wants every output somewhere, and may read it again: each has a place of its own.
            execution.SetAddress(other.Name, memory + (nint)next);
            next += BytesOf(other, execution, batch);
        }
    }

    private static (TensorRtProfileChoice Profile, string Text, PictureInput Input) ReadInput(
        TensorRtPlan plan, TensorRtPlanFile file, (int Width, int Height)? imageSize, int stride)
    {
        ImmutableArray<TensorRtTensor> inputs = [.. plan.Tensors.Where(static tensor => tensor.IsInput)];
        if (inputs.Length != 1 || inputs[0].Shape.Length != 4)
        {
            // Refused, in the words for every model.
            _ = PictureInput.Resolve(file.Path, [.. inputs.Select(static tensor => tensor.ToOnnx())], null, file.Metadata, stride);
        }

        TensorRtTensor picture = inputs[0];
        ImmutableArray<TensorRtShapeRange> ranges = TensorRtProfileChoice.RangesOf(plan, picture);
        TensorRtProfileChoice profile = TensorRtProfileChoice.Choose(file.Path, ranges, imageSize, file.Metadata);
        long channels = picture.Shape[1] >= 0 ? picture.Shape[1] : ranges[profile.Index].Min[1];
        ImmutableArray<long> shape = [profile.MinBatch == profile.MaxBatch ? profile.MaxBatch : -1, channels, profile.Height, profile.Width];
        PictureInput input = PictureInput.Resolve(file.Path, [picture.ToOnnx(shape)], null, file.Metadata, stride);
        return (profile, Describe(plan, ranges, profile), input);
    }

    private static string Describe(
        TensorRtPlan plan, ImmutableArray<TensorRtShapeRange> ranges, TensorRtProfileChoice profile)
    {
        string own =
            FormattableString.Invariant($"profile {profile.Index + 1} of {ranges.Length} ({TensorRtProfileChoice.Show(ranges[profile.Index])})");
        if (ranges.Length == 1)
        {
            return own;
        }

        // Activations are ours and taken for the profile in use only; this is what an engine that reserves for the largest would hold idle.
        long taken = plan.ProfileMemoryBytes(profile.Index);
        long largest = Enumerable.Range(0, ranges.Length).Max(plan.ProfileMemoryBytes);
        return FormattableString.Invariant(
            $"{own}, {MemoryPlan.Mebibytes(taken)} a stream at most; idle profiles would take up to {MemoryPlan.Mebibytes(largest)} and hold none");
    }

    private static void RefuseUnusual(string path, ImmutableArray<TensorRtTensor> tensors)
    {
        foreach (TensorRtTensor tensor in tensors)
        {
            if (tensor.IsOnHost)
            {
                throw new ModelException(
                    path, $"tensor '{tensor.Name}' lies on the host or decides shapes; a detection model's tensors all lie on the device.");
            }

            if (!tensor.IsLinear)
            {
                throw new ModelException(path, $"tensor '{tensor.Name}' has the format '{tensor.Format}'; linear (row by row) is wanted. Build the "
                    + $"engine without formats for inputs and outputs.");
            }
        }
    }

    private static ImmutableArray<long> WithFreeBatch(ImmutableArray<long> shape, TensorRtTensor declared) =>
        shape.Length > 0 && declared.Shape.Length == shape.Length && declared.Shape[0] < 0 ? shape.SetItem(0, -1) : shape;

    private static long[] Shape(PictureInput input, int batch) => [batch, 3, input.Height, input.Width];

    private static long BytesOf(TensorRtTensor tensor, TensorRtExecution execution, int batch)
    {
        ImmutableArray<long> shape = execution.ShapeOf(tensor.Name);
        if (shape.Any(static dimension => dimension < 0))
        {
            throw new InferenceException($"output '{tensor.Name}' has a size that is known only after a run of batch {batch}, "
                + $"[{string.Join(',', shape)}]; a detection model's is fixed.");
        }

        return Align(checked(shape.Aggregate((long)tensor.ElementBytes, static (bytes, dimension) => bytes * dimension)));
    }

    private static long Align(long bytes) => (bytes + Alignment - 1) & ~(Alignment - 1);
}
