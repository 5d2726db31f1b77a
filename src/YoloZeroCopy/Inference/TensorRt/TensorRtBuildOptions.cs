using System.Collections.Immutable;

namespace YoloZeroCopy;

/// <summary>How <see cref="TensorRtBuilder"/> makes an engine. Every value is checked before anything is built.</summary>
public sealed record TensorRtBuildOptions
{
    /// <summary>Most sizes of an engine.</summary>
    internal const int MaxSizes = 16;

    private const int HighestOptimization = 5;

    /// <summary>
    /// Sizes of the input in pixels that the engine is made for, one optimisation profile each: <c>[(320, 320), (640, 640), (1280, 1280)]</c>. Empty,
    /// the default, takes the one the model is fixed to, else what its metadata says, else 640x640.
    /// </summary>
    public ImmutableArray<(int Width, int Height)> Sizes { get; init; } = [];

    /// <summary>Largest batch of every profile; a model with a fixed batch takes only that.</summary>
    public int MaxBatch { get; init; } = 8;

    /// <summary>Batch that the engine is tuned for; 0 takes <see cref="MaxBatch"/>.</summary>
    public int OptimalBatch { get; init; }

    /// <summary>
    /// Whether a model in single precision is made half before it is built: picture, weights and everything up to the last convolutions; boxes stay
    /// in single. Every TensorRT takes it. Where it cannot be done, <see cref="TensorRtBuildReport.GraphChanges"/> says why.
    /// </summary>
    public bool HalfPrecision { get; init; }

    /// <summary>Precisions beyond those of the model's own tensors. TensorRT 10 only: from 11 on the model's types alone decide.</summary>
    public TensorRtPrecisions Precisions { get; init; }

    /// <summary>Whether single-precision layers may compute in TF32, as TensorRT does where nothing is said.</summary>
    public bool AllowTf32 { get; init; } = true;

    /// <summary>
    /// Most bytes of scratch memory that a layer may ask for; 0 takes 1 GiB x (1 + 0.15 x layers / 100) x 1.3 above batch 8, a rule of thumb of this
    /// project. It is a limit:
    /// <see cref="TensorRtBuildReport.DeviceMemoryBytes"/> says what the engine then needs.
    /// </summary>
    public long WorkspaceBytes { get; init; }

    /// <summary>
    /// File with timings of earlier builds, read where it exists and written afterwards: a second build takes a fraction of the time. It is of use to
    /// the same TensorRT on the same GPU only. Null keeps none.
    /// </summary>
    public string? TimingCachePath { get; init; }

    /// <summary>Whether later versions of TensorRT may run the engine. It can be slower.</summary>
    public bool VersionCompatible { get; init; }

    /// <summary>Which GPUs may run the engine.</summary>
    public TensorRtHardware Hardware { get; init; }

    /// <summary>How hard the builder searches, 0 to 5; null takes TensorRT's own default.</summary>
    public int? OptimizationLevel { get; init; }

    /// <summary>Whether the model's metadata is written before the plan, as Ultralytics does, so that class names and stride stay known. Without it,
    /// other programs can open the file.</summary>
    public bool WriteMetadata { get; init; } = true;

    /// <summary>CUDA device to build on, and for; not looked at by TensorRT for RTX, which needs none.</summary>
    public int DeviceOrdinal { get; init; }

    /// <summary>File or folder of TensorRT; null looks at <c>YZC_TENSORRT</c>, then beside the application, then in the system.</summary>
    public string? TensorRtPath { get; init; }

    /// <summary>File or folder of this project's shim; null looks at <c>YZC_TENSORRT_SHIM</c>, then beside the application, then in the
    /// system.</summary>
    public string? TensorRtShimPath { get; init; }

    internal int TunedBatch => OptimalBatch == 0 ? MaxBatch : OptimalBatch;

    internal void Validate()
    {
        Check(MaxBatch is >= 1 and <= PictureInput.MaxBatch, nameof(MaxBatch), MaxBatch, $"1 to {PictureInput.MaxBatch}");
        Check(OptimalBatch >= 0 && OptimalBatch <= MaxBatch, nameof(OptimalBatch), OptimalBatch, $"0 to MaxBatch, {MaxBatch}");
        Check(DeviceOrdinal >= 0, nameof(DeviceOrdinal), DeviceOrdinal, "0 or more");
        Check(WorkspaceBytes >= 0, nameof(WorkspaceBytes), WorkspaceBytes, "0 or more bytes");
        Check(OptimizationLevel is null or (>= 0 and <= HighestOptimization), nameof(OptimizationLevel), OptimizationLevel,
            $"0 to {HighestOptimization}");
        Check((Precisions & ~(TensorRtPrecisions.Float16 | TensorRtPrecisions.Int8)) == 0, nameof(Precisions), Precisions, "Float16, Int8 or both");
        Check(!HalfPrecision || Precisions == 0, nameof(Precisions), Precisions, $"none beside {nameof(HalfPrecision)}, which decides all types,");
        Check(Enum.IsDefined(Hardware), nameof(Hardware), Hardware, "one of the defined values");
        ImmutableArray<(int Width, int Height)> sizes = Sizes.IsDefault ? [] : Sizes;
        Check(sizes.Length <= MaxSizes, nameof(Sizes), sizes.Length, $"up to {MaxSizes} sizes");
        Check(sizes.Distinct().Count() == sizes.Length, nameof(Sizes), string.Join(", ", sizes), "different sizes");
        foreach ((int width, int height) in sizes)
        {
            Check(width is >= 1 and <= FrameFormat.MaxSize && height is >= 1 and <= FrameFormat.MaxSize, nameof(Sizes), $"{width}x{height}",
                $"1 to {FrameFormat.MaxSize} pixels a side");
        }
    }

    private static void Check(bool valid, string name, object? value, string wanted)
    {
        if (!valid)
        {
            throw new ArgumentOutOfRangeException(name, value, $"{name} is {value}; {wanted} is wanted.");
        }
    }
}

/// <summary>Precisions that a builder of TensorRT 10 may choose for a layer beside that of the model.</summary>
[Flags]
public enum TensorRtPrecisions
{
    /// <summary>None: the model's own.</summary>
    None = 0,

    /// <summary>IEEE 754 binary16.</summary>
    Float16 = 1,

    /// <summary>8-bit integers: the model must say the ranges (Q/DQ nodes), because no calibrator is used.</summary>
    Int8 = 2,
}

/// <summary>Which GPUs may run an engine.</summary>
public enum TensorRtHardware
{
    /// <summary>The kind of GPU it was built on. TensorRT for RTX: every kind that it supports.</summary>
    ThisKind,

    /// <summary>Ampere and later; fewer algorithms can be used.</summary>
    AmperePlus,

    /// <summary>Those of the same compute capability, Turing and later.</summary>
    SameComputeCapability,
}
