using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using YoloZeroCopy.Cuda;

namespace YoloZeroCopy;

/// <summary>How to launch decoding and suppression for one model: two launches on one stream for a batch, and how to read what they wrote.</summary>
/// <remarks>
/// Immutable; any thread. First <see cref="ScanName"/> finds the candidates, then <see cref="RankName"/> ranks and, where the model has not,
/// suppresses; neither needs the host between, so both can be captured. Scratch memory needs no initialisation. Detections equal
/// <see cref="DetectionDecoder"/>'s and, of a head, <see cref="HeadDecoder"/>'s and its like, bit for bit, except where more than
/// <see cref="CandidateLimit"/> candidates are above the threshold (the CPU's limit is
/// <see cref="DecodingOptions.CandidateLimit"/>): those with the lowest scores, of equal ones those with the highest anchors, take no part, and the
/// result says how many. Boxes so large that a difference of corners overflows binary32 are not covered by that promise.
/// </remarks>
internal sealed class DecodeKernels
{
    /// <summary>At most this many candidates of a picture take part in suppression: what a block can sort in shared memory.</summary>
    public const int CandidateLimit = 4096;

    /// <summary>Most detections of a picture.</summary>
    public const int DetectionLimit = 1024;

    /// <summary>Most anchors: a candidate's key has 22 bits for its anchor.</summary>
    public const int AnchorLimit = 1 << 22;

    /// <summary>Most classes: a candidate's key has 10 bits for its class.</summary>
    public const int ClassLimit = 1 << 10;

    /// <summary>The kernel that ranks and suppresses, for all models but those that choose pairs.</summary>
    public const string SuppressName = "yzc_suppress";

    /// <summary>Most levels of a head.</summary>
    public const int LevelLimit = 8;

    /// <summary>Most anchor boxes of a level.</summary>
    public const int AnchorBoxLimit = 6;

    // As in yzc_kernels.h; a test compares.
    internal const int ScanThreads = 256;
    internal const int ScanRows = 64;
    internal const int SuppressThreads = 1024;
    private const int Alignment = 256;

    // Of 16 bytes of logits: what a block of the scan of a head looks at, where a cell has not more.
    private const int HeadVectors = 1024;
    private const int LeastHeadCells = 32;

    private static readonly string[] CentreBox = ["centre x", "centre y", "width", "height"];
    private static readonly string[] CornerBox = ["x1", "y1", "x2", "y2"];

    private readonly OutputLayout layout;
    private readonly DecodeParameters parameters;
    private readonly HeadParameters head;

    /// <summary>Plans for outputs of one shape.</summary>
    /// <param name="layout">What rows and columns mean.</param>
    /// <param name="anchors">Anchors of one picture's output.</param>
    /// <param name="classCount">Classes of the model.</param>
    /// <param name="elementType">Float32 or Float16.</param>
    /// <param name="options">Thresholds and limits; <see cref="DecodingOptions.MaxDetections"/> at most <see cref="DetectionLimit"/>.</param>
    /// <exception cref="ArgumentException">The element type is not a float, or one of <see cref="DecodingOptions.Classes"/> is none of the
    /// model's.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A number is beyond what the kernels can do.</exception>
    public DecodeKernels(OutputLayout layout, int anchors, int classCount, TensorElementType elementType, DecodingOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        ThrowIfOutside(anchors, AnchorLimit, nameof(anchors));
        ThrowIfOutside(classCount, ClassLimit, nameof(classCount));
        ThrowIfOutside(options.MaxDetections, DetectionLimit, nameof(DecodingOptions.MaxDetections));
        bool isHalf = elementType switch
        {
            TensorElementType.Float32 => false,
            TensorElementType.Float16 => true,
            _ => throw new ArgumentException(
                $"The output's elements are {elementType}; wanted is {TensorElementType.Float32} or {TensorElementType.Float16}.",
                    nameof(elementType)),
        };

        (ScanName, int segmentAnchors) = layout switch
        {
            // A lane takes one load of 16 bytes.
            OutputLayout.ChannelsFirst => (isHalf ? "yzc_scan_channels_f16" : "yzc_scan_channels_f32", 32 * (isHalf ? 8 : 4)),
            OutputLayout.AnchorsFirst => (isHalf ? "yzc_scan_anchors_f16" : "yzc_scan_anchors_f32", ScanRows),
            OutputLayout.EndToEnd => (isHalf ? "yzc_scan_finished_f16" : "yzc_scan_finished_f32", ScanThreads),
            _ => throw new ArgumentOutOfRangeException(nameof(layout), layout, "The output layout is none of this library's."),
        };
        this.layout = layout;
        parameters = ParametersOf(anchors, classCount, SegmentsOf(anchors, segmentAnchors), segmentAnchors, options);
    }

    /// <summary>Plans for the maps of a head.</summary>
    /// <param name="detectionHead">The head; <see cref="WhyNot"/> is null.</param>
    /// <param name="options">As the other constructor's.</param>
    /// <param name="hasBestLogits">Whether a <see cref="BestLogit"/> of each cell lies where the maps of scores would
    /// (<see cref="InferenceEngine.GivesBestLogits"/>).</param>
    /// <exception cref="ArgumentException">The head is of another kind, or one of <see cref="DecodingOptions.Classes"/> is none of the
    /// model's.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A number is beyond what the kernels can do.</exception>
    public DecodeKernels(DetectionHead detectionHead, DecodingOptions options, bool hasBestLogits = false)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (WhyNot(detectionHead) is string reason)
        {
            throw new ArgumentException($"The head cannot be decoded on CUDA: {reason}.", nameof(detectionHead));
        }

        layout = detectionHead.Layout;
        IsOfHead = true;
        bool hasAnchorBoxes = layout == OutputLayout.AnchorsFirst;
        bool choosesPairs = layout == OutputLayout.EndToEnd;
        if (hasBestLogits && (hasAnchorBoxes || choosesPairs))
        {
            throw new ArgumentException(
                $"The layout is {layout}; best logits are wanted of {OutputLayout.ChannelsFirst} only.", nameof(hasBestLogits));
        }

        ScanName = hasAnchorBoxes ? "yzc_scan_anchor_boxes_f16" : hasBestLogits ? "yzc_scan_best_f16" : "yzc_scan_head_f16";
        RankName = choosesPairs ? "yzc_choose_pairs" : RankName;
        int cellVectors = LayerNetwork.Padded(detectionHead.ClassCount) / LayerNetwork.ChannelMultiple;
        int segmentCells = ScanThreads;
        while (!hasAnchorBoxes && !hasBestLogits && segmentCells > LeastHeadCells && segmentCells * cellVectors > HeadVectors)
        {
            segmentCells /= 2;
        }

        // A segment lies in one level.
        HeadLevels levels = default;
        HeadAnchorBoxes anchorBoxes = default;
        int anchors = 0;
        int segments = 0;
        int bytes = 0;
        for (int number = 0; number < detectionHead.Levels.Length; number++)
        {
            HeadLevel level = detectionHead.Levels[number];
            int scores = hasAnchorBoxes ? bytes : checked(bytes + detectionHead.MapBytes(level.Sides));
            level.AnchorBoxes.CopyTo(((Span<AnchorBox>)anchorBoxes)[(number * AnchorBoxLimit)..]);
            levels[number] = new KernelHeadLevel(
                level.Width, level.Cells, level.Stride, FirstAnchor: anchors, FirstSegment: segments, Sides: bytes, scores, level.AnchorBoxes.Length);
            anchors = checked(anchors + level.Anchors);
            segments += SegmentsOf(level.Anchors, segmentCells);
            bytes = checked(scores + detectionHead.MapBytes(level.Scores));
        }

        parameters = ParametersOf(anchors, detectionHead.ClassCount, segments, segmentCells, options, choosesPairs ? detectionHead.Kept : anchors);
        head = new HeadParameters
        {
            Kept = choosesPairs ? detectionHead.Kept : 0,
            LevelCount = detectionHead.Levels.Length,
            Bins = detectionHead.Bins,
            LogitThreshold = HeadDecoder.LogitThresholdOf(options),
            Levels = levels,
            AnchorBoxes = anchorBoxes,
        };
    }

    /// <summary>Why the kernels cannot decode a head; null where they can.</summary>
    public static string? WhyNot(DetectionHead head) => head switch
    {
        { Layout: OutputLayout.AnchorsFirst } when head.Levels.Any(static level => level.AnchorBoxes.Length is < 1 or > AnchorBoxLimit) =>
            $"it has {head.Levels.Max(static level => level.AnchorBoxes.Length)} anchor boxes; wanted is 1 to {AnchorBoxLimit}",
        { Layout: OutputLayout.EndToEnd, Kept: < 1 or > DetectionLimit } => $"it gives {head.Kept} detections; wanted is 1 to {DetectionLimit}",
        { ElementType: not TensorElementType.Float16 } or { IsChannelsLast: false } =>
            $"its maps are {head.ElementType}, channels {(head.IsChannelsLast ? "last" : "first")}; "
                + $"wanted is {TensorElementType.Float16}, channels last",
        { ClassCount: < 1 or > ClassLimit } => $"it has {head.ClassCount} classes; wanted is 1 to {ClassLimit}",
        { Levels.Length: < 1 or > LevelLimit } => $"it has {head.Levels.Length} levels; wanted is 1 to {LevelLimit}",
        _ => null,
    };

    /// <summary>The kernels for an engine's output.</summary>
    public static DecodeKernels For(InferenceEngine engine, DecodingOptions options)
    {
        ModelInfo model = engine.Model;
        int anchors = model.Layout == OutputLayout.ChannelsFirst ? model.OutputShape.Columns : model.OutputShape.Rows;
        return engine.Head is DetectionHead head
            ? new DecodeKernels(head, options, engine.GivesBestLogits)
            : new DecodeKernels(model.Layout, anchors, Math.Min(model.ClassLimit, ClassLimit), model.OutputType, options);
    }

    /// <summary>Name of the first kernel.</summary>
    public string ScanName { get; }

    /// <summary>Name of the second kernel.</summary>
    public string RankName { get; } = SuppressName;

    /// <summary>Whether the output is the maps of a head, and the first kernel takes <see cref="HeadParametersFor"/>.</summary>
    public bool IsOfHead { get; }

    /// <summary>Whether the second kernel reads the model's output, too, and not only what the first one wrote.</summary>
    public bool RankReadsOutput => IsOfHead && head.Kept != 0;

    /// <summary>Anchors of one picture's output.</summary>
    public int Anchors => parameters.Anchors;

    /// <summary>Most detections of one picture: the option, or the number of anchors where that is less.</summary>
    public int MaxDetections => parameters.MaxDetections;

    /// <summary>Bytes of scratch memory for each picture of a batch; the memory is aligned to 256 bytes.</summary>
    public long ScratchBytes => (long)parameters.ScratchStride;

    /// <summary>Bytes of results for each picture of a batch, one behind the other: one copy brings a batch's. The memory is aligned to 32
    /// bytes.</summary>
    public int ResultBytes => (int)parameters.ResultStride;

    /// <summary>Parameters of both kernels.</summary>
    /// <param name="pictures">Device address of the batch's <see cref="KernelPicture"/> array, aligned to 16 bytes.</param>
    /// <param name="output">Device address of the model's output for the batch, aligned to 16 bytes.</param>
    /// <param name="scratch">Device address of batch times <see cref="ScratchBytes"/>.</param>
    /// <param name="results">Device address of batch times <see cref="ResultBytes"/>.</param>
    public DecodeParameters ParametersFor(ulong pictures, ulong output, ulong scratch, ulong results) =>
        parameters with { Pictures = pictures, Output = output, Scratch = scratch, Results = results };

    /// <summary>Queues both kernels.</summary>
    /// <param name="stream">Stream, whose context is current.</param>
    /// <param name="scan">The kernel <see cref="ScanName"/>.</param>
    /// <param name="rank">The kernel <see cref="RankName"/>.</param>
    /// <param name="decode">What <see cref="ParametersFor"/> gave.</param>
    /// <param name="batch">Pictures of the batch.</param>
    public void Launch(CudaStream stream, CudaKernel scan, CudaKernel rank, in DecodeParameters decode, int batch)
    {
        LaunchScan(stream, scan, decode, batch);
        LaunchRank(stream, rank, decode, batch);
    }

    /// <summary>Queues the first kernel alone.</summary>
    /// <inheritdoc cref="Launch"/>
    public void LaunchScan(CudaStream stream, CudaKernel scan, in DecodeParameters decode, int batch)
    {
        KernelGrid grid = ScanGrid(batch);
        CudaSize size = new(grid.X, grid.Y, grid.Z);
        if (IsOfHead)
        {
            scan.Launch(stream, size, new CudaSize(ScanThreads), HeadParametersFor(decode, batch));
        }
        else
        {
            scan.Launch(stream, size, new CudaSize(ScanThreads), decode);
        }
    }

    /// <summary>Queues the second kernel alone.</summary>
    /// <inheritdoc cref="Launch"/>
    public void LaunchRank(CudaStream stream, CudaKernel rank, in DecodeParameters decode, int batch)
    {
        CudaSize size = new(RankGrid(batch).X);
        if (RankReadsOutput)
        {
            rank.Launch(stream, size, new CudaSize(SuppressThreads), HeadParametersFor(decode, batch));
        }
        else
        {
            rank.Launch(stream, size, new CudaSize(SuppressThreads), decode);
        }
    }

    /// <summary>Parameters of the first kernel of a head, and of the second one where that chooses pairs.</summary>
    /// <param name="decode">Those of the second one otherwise.</param>
    /// <param name="batch">Pictures of the batch: a map's address depends on it.</param>
    public HeadParameters HeadParametersFor(in DecodeParameters decode, int batch) => head with { Decode = decode, Batch = batch };

    /// <summary>Grid of the first kernel.</summary>
    public KernelGrid ScanGrid(int batch)
    {
        ThrowIfOutside(batch, PreprocessKernel.MaxBatch, nameof(batch));
        return new KernelGrid(parameters.Segments, batch, 1, ScanThreads);
    }

    /// <summary>Grid of the second kernel.</summary>
    public static KernelGrid RankGrid(int batch)
    {
        ThrowIfOutside(batch, PreprocessKernel.MaxBatch, nameof(batch));
        return new KernelGrid(batch, 1, 1, SuppressThreads);
    }

    /// <summary>Reads one picture's result. Allocates nothing unless it throws.</summary>
    /// <param name="result">The picture's <see cref="ResultBytes"/> bytes, on the host.</param>
    /// <param name="detections">Takes the detections, by score descending; room for <see cref="MaxDetections"/>.</param>
    /// <param name="cut">Candidates beyond <see cref="CandidateLimit"/> that took no part; 0 nearly always.</param>
    /// <returns>Number of detections.</returns>
    /// <exception cref="ArgumentException">A span is of the wrong size.</exception>
    /// <exception cref="InferenceException">The model gave a value that is no number or a class that it has not, or the bytes are no result of this
    /// plan.</exception>
    public int Read(ReadOnlySpan<byte> result, Span<Detection> detections, out int cut)
    {
        if (result.Length != ResultBytes)
        {
            throw new ArgumentException($"The result of one picture has {result.Length} bytes; wanted are {ResultBytes}.", nameof(result));
        }

        if (detections.Length < MaxDetections)
        {
            throw new ArgumentException($"There is room for {detections.Length} detections; wanted is room for {MaxDetections}.", nameof(detections));
        }

        ref readonly KernelResultHeader header = ref MemoryMarshal.AsRef<KernelResultHeader>(result);
        if (header.Status != KernelDecodeStatus.Decoded)
        {
            throw Failure(header);
        }

        int count = header.Count;
        if ((uint)count > (uint)MaxDetections || (uint)header.Cut > (uint)parameters.Anchors)
        {
            throw new InferenceException($"The result of a picture says {count} detections and {header.Cut} cut candidates; wanted is at most "
                + $"{MaxDetections} and {parameters.Anchors}.");
        }

        MemoryMarshal.Cast<byte, Detection>(result[Unsafe.SizeOf<KernelResultHeader>()..])[..count].CopyTo(detections);
        cut = header.Cut;
        return count;
    }

    private static void ThrowIfOutside(int value, int most, string name)
    {
        if (value < 1 || value > most)
        {
            throw new ArgumentOutOfRangeException(name, value, $"{name} is {value}; wanted is 1 to {most}.");
        }
    }

    private static int SegmentsOf(int anchors, int segmentAnchors) => (anchors + segmentAnchors - 1) / segmentAnchors;

    private DecodeParameters ParametersOf(
        int anchors, int classCount, int segments, int segmentAnchors, DecodingOptions options, int mostDetections = int.MaxValue)
    {
        ThrowIfOutside(anchors, AnchorLimit, nameof(anchors));
        ThrowIfOutside(classCount, ClassLimit, nameof(classCount));
        ThrowIfOutside(options.MaxDetections, DetectionLimit, nameof(DecodingOptions.MaxDetections));
        int maxDetections = Math.Min(options.MaxDetections, Math.Min(anchors, mostDetections));
        bool[]? counting = options.CountingClasses(classCount);
        return new DecodeParameters
        {
            ScratchStride = (ulong)ScratchBytesOf(anchors, segments, segmentAnchors),
            ResultStride = (uint)RoundUp(Unsafe.SizeOf<KernelResultHeader>() + (maxDetections * Unsafe.SizeOf<Detection>()), 32),
            Anchors = anchors,
            ClassCount = classCount,
            SegmentAnchors = segmentAnchors,
            Segments = segments,
            ScoreThreshold = options.ScoreThreshold,
            IouThreshold = options.IouThreshold,
            MaxDetections = maxDetections,
            Flags = (options.ClassAgnostic ? DecodeFlags.ClassAgnostic : 0)
                | (layout == OutputLayout.EndToEnd && !IsOfHead ? DecodeFlags.EndToEnd : 0)
                | (counting is null ? 0 : DecodeFlags.SomeClasses),
            ClassBits = BitsOf(counting),
        };
    }

    /// <summary>Sum of the parts of <c>yzc_scratch</c>.</summary>
    private static long ScratchBytesOf(int anchors, int segments, int segmentAnchors)
    {
        long candidates = (16L * anchors) + (8L * segments * segmentAnchors);
        const long Kept = (16L + 4 + 4) * DetectionLimit;
        return RoundUp(candidates + Kept + ((8L + 4 + 4) * segments), Alignment);
    }

    private static ClassBits BitsOf(bool[]? counting)
    {
        ClassBits bits = default;
        for (int classId = 0; classId < counting?.Length; classId++)
        {
            bits[classId / 32] |= counting[classId] ? 1u << classId : 0;
        }

        return bits;
    }

    private static long RoundUp(long value, int multiple) => (value + multiple - 1) / multiple * multiple;

    private InferenceException Failure(in KernelResultHeader header)
    {
        float value = BitConverter.UInt32BitsToSingle(header.WrongValue);
        return header.Status == KernelDecodeStatus.UnknownClass
            ? new InferenceException(string.Create(
                CultureInfo.InvariantCulture,
                $"The model gave {value} as the class of detection {header.WrongAnchor} of {parameters.Anchors}; wanted is a whole number "
                + $"from 0 to {parameters.ClassCount - 1}."))
            : new InferenceException(string.Create(
                CultureInfo.InvariantCulture,
                $"The model gave {value} as the {NameOfElement(header.WrongElement)} at anchor {header.WrongAnchor} of "
                + $"{parameters.Anchors}; wanted is a finite number."));
    }

    private string NameOfElement(int element)
    {
        int firstScore = layout == OutputLayout.ChannelsFirst || (IsOfHead && layout == OutputLayout.EndToEnd) ? 4 : 5;
        string value = IsOfHead ? "logit" : "score";
        return element switch
        {
            -1 => "product of objectness and class score",
            >= 0 and < 4 => $"{BoxNames()[element]} of the box",
            4 when layout == OutputLayout.EndToEnd && !IsOfHead => "score",
            4 when layout == OutputLayout.AnchorsFirst => IsOfHead ? "objectness logit" : "objectness",
            _ => $"{value} of class {element - firstScore}",
        };
    }

    private string[] BoxNames() => layout switch
    {
        OutputLayout.AnchorsFirst => CentreBox,
        _ when IsOfHead => HeadValues.SideNames,
        OutputLayout.EndToEnd => CornerBox,
        _ => CentreBox,
    };
}
