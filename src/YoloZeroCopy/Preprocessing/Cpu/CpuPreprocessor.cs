namespace YoloZeroCopy;

/// <summary>
/// Turns a frame into a model's input on the CPU, in one pass over the frame: letterbox, conversion to RGB, normalisation to 0..1 and the cast to the
/// tensor's type.
/// </summary>
/// <remarks>
/// One instance is used by one thread at a time. It holds nothing that must be released: its tables and rows are pinned managed memory.
/// Every step's result is defined to the bit, and the CUDA kernel gives the same:
/// <list type="bullet">
/// <item>Frames of interleaved pixels, of planes and gray ones: OpenCV's <c>resize(..., INTER_LINEAR)</c> and <c>copyMakeBorder</c> with 114, as
/// Ultralytics' letterbox calls them, on the frame's three colour channels (gray: one, given to all three). <see cref="ResamplePlan"/> and
/// <see cref="RowResampler"/> have the arithmetic.</item>
/// <item>NV12: the whole frame converted to RGB as <see cref="YuvCoefficients"/> says, each pixel with the chroma sample (x / 2, y / 2), and then
/// the same.
/// For BT.601 limited that is OpenCV's <c>COLOR_YUV2RGB_NV12</c>. P010: the same of samples of 10 bits.</item>
/// <item>Bayer: the whole frame demosaiced as <see cref="BayerRowReader"/> says, and then the same. From three rows and columns on that is OpenCV's
/// bilinear conversion:
/// of <c>BayerRggb8</c> its <c>COLOR_BayerRGGB2RGB</c>, and so on.</item>
/// <item>Elements are (float)level / 255, rounded once to binary32, and that rounded to binary16 for halves, ties to even.
/// <see cref="TensorElementType.UInt8"/> keeps the level.</item>
/// </list>
/// Only the frame rows that the resized frame needs are read; of frames that are converted only those are.
/// A row's way: an <see cref="IRowReader"/> gives frame rows as 8-bit samples, <see cref="RowResampler"/> mixes the columns of each, blends two of
/// them and parts the channels, <see cref="TensorWriter"/> writes the tensor's elements. A <see cref="ResamplePlan"/> holds the tables of a frame
/// size.
/// </remarks>
internal sealed unsafe class CpuPreprocessor
{
    private readonly int inputWidth;
    private readonly int inputHeight;
    private readonly SimdLevel level;
    private readonly TensorWriter writer;
    private readonly ResamplePlanCache plans;
    private readonly PinnedMemory<byte> channelRows;
    private readonly int channelRowBytes;
    private readonly PinnedMemory<short> mixedRows;
    private PinnedMemory<byte> frameRows = new(0);

    /// <summary>Makes a preprocessor for one model input.</summary>
    /// <param name="inputWidth">Width of the model's input in pixels, 1 to 8,192.</param>
    /// <param name="inputHeight">Height of the model's input in pixels, 1 to 8,192.</param>
    /// <param name="elementType">Element type of the input tensor. <see cref="TensorElementType.UInt8"/> is not normalised.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size outside 1 to 8,192, or an unknown element type.</exception>
    public CpuPreprocessor(int inputWidth, int inputHeight, TensorElementType elementType)
        : this(inputWidth, inputHeight, elementType, SimdLevels.Best)
    {
    }

    /// <summary>Makes a preprocessor that uses no wider vectors than <paramref name="level"/>; tests compare the levels.</summary>
    internal CpuPreprocessor(int inputWidth, int inputHeight, TensorElementType elementType, SimdLevel level)
    {
        ThrowIfNotASize(inputWidth, nameof(inputWidth));
        ThrowIfNotASize(inputHeight, nameof(inputHeight));
        this.inputWidth = inputWidth;
        this.inputHeight = inputHeight;
        this.level = level;
        writer = new TensorWriter(elementType, level);
        plans = new ResamplePlanCache(inputWidth, inputHeight);
        channelRowBytes = (inputWidth + ResamplePlan.ColumnGroup - 1) / ResamplePlan.ColumnGroup * ResamplePlan.ColumnGroup;
        channelRows = new PinnedMemory<byte>(3 * channelRowBytes);
        mixedRows = new PinnedMemory<short>(2 * RowResampler.MaxColumnNumbers * channelRowBytes);
        TensorBytes = 3 * inputWidth * inputHeight * writer.ElementSize;
    }

    /// <summary>Bytes of one picture's tensor, [3, input height, input width].</summary>
    public int TensorBytes { get; }

    /// <summary>Fills one picture's tensor from a frame.</summary>
    /// <param name="frame">The frame; bytes behind its last pixel are allowed and ignored.</param>
    /// <param name="format">Layout of the frame.</param>
    /// <param name="tensor">Where the tensor [3, input height, input width] goes: exactly <see cref="TensorBytes"/> bytes, in any alignment. Every
    /// byte is written.</param>
    /// <remarks>The first frame of a size allocates tables; frames of the eight sizes seen last allocate nothing.</remarks>
    /// <exception cref="ArgumentException">The frame is too short for its format, the format is the default value, or the tensor has another
    /// length.</exception>
    public void Run(ReadOnlySpan<byte> frame, in FrameFormat format, Span<byte> tensor)
    {
        format.ThrowIfNotWithin(frame.Length, nameof(frame));
        if (tensor.Length != TensorBytes)
        {
            throw new ArgumentException(
                $"The tensor of a {inputWidth}x{inputHeight} input takes {TensorBytes} bytes; {tensor.Length} were given.", nameof(tensor));
        }

        (int samplesPerPixel, bool blueFirst) = Describe(format.PixelFormat);
        ResamplePlan plan = plans.Get(format.Width, format.Height, samplesPerPixel);
        MakeFrameRowsFit(format.Width * samplesPerPixel);
        fixed (byte* pixels = frame)
        fixed (byte* elements = tensor)
        {
            if (format.IsBayer)
            {
                BayerRowReader reader = new(pixels, format, level);
                Resample(ref reader, plan, blueFirst, elements);
            }
            else if (format.PixelFormat == PixelFormat.Nv12)
            {
                Nv12RowReader reader = new(pixels, format, level);
                Resample(ref reader, plan, blueFirst, elements);
            }
            else if (format.PixelFormat == PixelFormat.P010)
            {
                P010RowReader reader = new(pixels, format, level);
                Resample(ref reader, plan, blueFirst, elements);
            }
            else if (format.IsPlanar)
            {
                PlanarRowReader reader = new(pixels, format, level);
                Resample(ref reader, plan, blueFirst, elements);
            }
            else
            {
                InterleavedRowReader reader = new(pixels, format);
                Resample(ref reader, plan, blueFirst, elements);
            }
        }
    }

    // Converted formats become RGB with a fourth byte before they are resampled; planes keep their order.
    private static (int SamplesPerPixel, bool BlueFirst) Describe(PixelFormat pixelFormat) => pixelFormat switch
    {
        PixelFormat.Bgr24 => (3, true),
        PixelFormat.Rgb24 => (3, false),
        PixelFormat.Bgra32 or PixelFormat.BgrPlanar => (4, true),
        PixelFormat.Rgba32 => (4, false),
        PixelFormat.Gray8 => (1, false),
        _ => (4, false),
    };

    private static void ThrowIfNotASize(int size, string paramName)
    {
        if (size is < 1 or > FrameFormat.MaxSize)
        {
            throw new ArgumentOutOfRangeException(paramName, size, $"A model input is 1 to {FrameFormat.MaxSize} pixels wide and high.");
        }
    }

    // Two buffers for rows that cannot be used as they lie in the frame, each on cache lines of its own.
    private void MakeFrameRowsFit(int rowBytes)
    {
        int bytes = (rowBytes + RowResampler.LoadBytes + 63) & ~63;
        if (frameRows.Length < 2 * bytes)
        {
            frameRows = new PinnedMemory<byte>(2 * bytes);
        }
    }

    private void Resample<TReader>(ref TReader reader, ResamplePlan plan, bool blueFirst, byte* tensor)
        where TReader : struct, IRowReader
    {
        byte* red = channelRows.Pointer;
        byte* green = red;
        byte* blue = red;
        if (plan.SamplesPerPixel > 1)
        {
            green += channelRowBytes;
            blue += 2 * channelRowBytes;
        }

        MixedRows rows = new(mixedRows.Pointer, mixedRows.Length / 2);
        for (int y = 0; y < plan.Letterbox.Height; y++)
        {
            ref readonly ResampledRow row = ref plan.RowAt(y);
            bool hasUpper = rows.TryGet(row.Upper, out short* upper);
            short* lower = upper;
            bool hasLower = row.LowerWeight == 0 || rows.TryGet(row.Lower, out lower);
            if (!hasUpper && !hasLower)
            {
                MixBoth(ref reader, plan, row, upper, lower);
            }
            else if (!hasUpper)
            {
                Mix(ref reader, plan, row.Upper, upper);
            }
            else if (!hasLower)
            {
                Mix(ref reader, plan, row.Lower, lower);
            }

            if (plan.SamplesPerPixel == 1)
            {
                RowResampler.BlendGray(upper, lower, row, plan.PaddedWidth, red, level);
            }
            else
            {
                RowResampler.BlendColor(upper, lower, row, plan.PaddedWidth, blueFirst ? blue : red, green, blueFirst ? red : blue, level);
            }

            int tensorRow = plan.Letterbox.Top + y;
            WriteRow(plan.Letterbox, red, RowOf(tensor, 0, tensorRow));
            WriteRow(plan.Letterbox, green, RowOf(tensor, 1, tensorRow));
            WriteRow(plan.Letterbox, blue, RowOf(tensor, 2, tensorRow));
        }

        PadRows(plan.Letterbox, tensor);
        GC.KeepAlive(plan);
    }

    private void MixBoth<TReader>(ref TReader reader, ResamplePlan plan, in ResampledRow row, short* upper, short* lower)
        where TReader : struct, IRowReader
    {
        if (plan.SamplesPerPixel == 1)
        {
            Mix(ref reader, plan, row.Upper, upper);
            Mix(ref reader, plan, row.Lower, lower);
        }
        else
        {
            byte* upperRow = reader.Read(row.Upper, frameRows.Pointer);
            byte* lowerRow = reader.Read(row.Lower, frameRows.Pointer + (frameRows.Length / 2));
            RowResampler.MixColorPair(upperRow, lowerRow, plan, upper, lower, level);
        }
    }

    private void Mix<TReader>(ref TReader reader, ResamplePlan plan, int y, short* mixed)
        where TReader : struct, IRowReader
    {
        byte* row = reader.Read(y, frameRows.Pointer);
        if (plan.SamplesPerPixel == 1)
        {
            RowResampler.MixGray(row, plan, mixed, level);
        }
        else
        {
            RowResampler.MixColor(row, plan, mixed, level);
        }
    }

    private byte* RowOf(byte* tensor, int channel, int row) => tensor + ((((nint)channel * inputHeight) + row) * inputWidth * writer.ElementSize);

    private void WriteRow(in Letterbox letterbox, byte* levels, byte* row)
    {
        int right = letterbox.Left + letterbox.Width;
        writer.Fill(Letterbox.Padding, row, letterbox.Left);
        writer.Write(levels, row + (letterbox.Left * writer.ElementSize), letterbox.Width);
        writer.Fill(Letterbox.Padding, row + (right * writer.ElementSize), inputWidth - right);
    }

    // Rows above and below the resized frame; of one channel they are contiguous.
    private void PadRows(in Letterbox letterbox, byte* tensor)
    {
        int bottom = letterbox.Top + letterbox.Height;
        for (int channel = 0; channel < 3; channel++)
        {
            writer.Fill(Letterbox.Padding, RowOf(tensor, channel, 0), letterbox.Top * inputWidth);
            writer.Fill(Letterbox.Padding, RowOf(tensor, channel, bottom), (inputHeight - bottom) * inputWidth);
        }
    }
}
