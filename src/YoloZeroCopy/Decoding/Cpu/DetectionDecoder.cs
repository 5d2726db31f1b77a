namespace YoloZeroCopy;

/// <summary>
/// Turns one picture's output of a model into detections in pixels of the frame: candidates, non-maximum suppression, mapping back, clipping.
/// </summary>
/// <remarks>
/// One thread at a time; a lane owns one. Everything it needs, for the worst case that every anchor is a candidate, is allocated by the constructor;
/// decoding allocates nothing. The result depends on the output alone: equal scores are ordered by anchor.
/// Semantics are Ultralytics': a candidate is an anchor whose best class score is strictly above the threshold (its class the lowest id among
/// equals), boxes stay binary32 and suppression runs on them in pixels of the model's input.
/// </remarks>
internal sealed partial class DetectionDecoder : OutputDecoder
{
    /// <summary>Anchors of one step of the channels-first scan: the running best of this many floats stays in the first-level cache.</summary>
    private const int BlockAnchors = 2048;

    /// <summary>Elements that one step of a row-by-row scan converts from half, at least one row.</summary>
    private const int BlockElements = 4096;

    private readonly OutputLayout layout;
    private readonly int anchors;
    private readonly int columns;
    private readonly int classCount;
    private readonly bool isHalf;
    private readonly float scoreThreshold;
    private readonly bool[]? counting;
    private readonly CandidateSelection selection;
    private readonly float[] best;
    private readonly short[] bestBits;
    private readonly float[] converted;

    /// <summary>Plans for outputs of one shape.</summary>
    /// <param name="layout">What rows and columns mean.</param>
    /// <param name="rows">First number of <see cref="ModelInfo.OutputShape"/>.</param>
    /// <param name="columns">Second number of <see cref="ModelInfo.OutputShape"/>.</param>
    /// <param name="classCount">Classes of the model.</param>
    /// <param name="elementType">Float32 or Float16.</param>
    /// <param name="options">Thresholds and limits.</param>
    /// <exception cref="ArgumentException">Shape, class count and layout do not fit together, the element type is not a float, or one of
    /// <see cref="DecodingOptions.Classes"/> is none of the model's.</exception>
    public DetectionDecoder(OutputLayout layout, int rows, int columns, int classCount, TensorElementType elementType, DecodingOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfLessThan(rows, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(columns, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(classCount, 1);
        (string dimension, long given, long wanted) = layout switch
        {
            OutputLayout.ChannelsFirst => ("rows", rows, 4L + classCount),
            OutputLayout.AnchorsFirst => ("columns", columns, 5L + classCount),
            OutputLayout.EndToEnd => ("columns", columns, 6L),
            _ => throw new ArgumentOutOfRangeException(nameof(layout), layout, "The output layout is none of this library's."),
        };
        if (given != wanted)
        {
            throw new ArgumentException(
                $"An output of layout {layout} with {classCount} classes has {wanted} {dimension}; given is {rows} x {columns}.", dimension);
        }

        if (elementType is not (TensorElementType.Float32 or TensorElementType.Float16))
        {
            throw new ArgumentException(
                $"The output's elements are {elementType}; wanted is {TensorElementType.Float32} or {TensorElementType.Float16}.",
                    nameof(elementType));
        }

        isHalf = elementType == TensorElementType.Float16;
        long bytes = (long)rows * columns * (isHalf ? sizeof(ushort) : sizeof(float));
        if (bytes > int.MaxValue)
        {
            throw new ArgumentException($"An output of {rows} x {columns} takes {bytes} bytes; wanted is at most {int.MaxValue}.", nameof(rows));
        }

        OutputBytes = (int)bytes;
        this.layout = layout;
        this.columns = columns;
        this.classCount = classCount;
        anchors = layout == OutputLayout.ChannelsFirst ? columns : rows;
        scoreThreshold = options.ScoreThreshold;
        counting = options.CountingClasses(classCount);
        selection = new CandidateSelection(anchors, classCount, isFinished: layout == OutputLayout.EndToEnd, options);
        best = layout == OutputLayout.ChannelsFirst ? new float[Math.Min(anchors, BlockAnchors)] : [];
        bestBits = isHalf ? new short[best.Length] : [];
        converted = isHalf && layout != OutputLayout.ChannelsFirst ? new float[Math.Max(columns, BlockElements)] : [];
    }

    /// <summary>Bytes of one picture's output.</summary>
    public int OutputBytes { get; }

    /// <summary>Most detections one call can give: the option, or the number of anchors where that is less.</summary>
    public int MaxDetections => selection.MaxDetections;

    /// <summary>Decodes one picture's output.</summary>
    /// <param name="output">The output, <see cref="OutputBytes"/> bytes, row by row; only read.</param>
    /// <param name="letterbox">How the frame was laid into the input.</param>
    /// <param name="detections">Takes the detections, by score descending; room for <see cref="MaxDetections"/>.</param>
    /// <returns>Number of detections.</returns>
    /// <exception cref="ArgumentException">A span or the letterbox is of the wrong size.</exception>
    /// <exception cref="InferenceException">A score, or a candidate's box, is NaN or infinite, or a class id is none of the model's.</exception>
    public int Decode(ReadOnlySpan<byte> output, in Letterbox letterbox, Span<Detection> detections)
    {
        if (output.Length != OutputBytes)
        {
            throw new ArgumentException($"The output of one picture has {output.Length} bytes; wanted are {OutputBytes}.", nameof(output));
        }

        selection.Begin(letterbox, detections);
        if (layout == OutputLayout.ChannelsFirst)
        {
            CollectByChannel(output);
        }
        else
        {
            CollectByRow(output);
        }

        return selection.End(letterbox, detections);
    }

    public override unsafe int Decode(nint output, int batch, int picture, in Letterbox letterbox, Span<Detection> detections) =>
        Decode(new ReadOnlySpan<byte>((byte*)output + ((long)picture * OutputBytes), OutputBytes), letterbox, detections);

    private bool Counts(int classId) => counting is null || counting[classId];
}
