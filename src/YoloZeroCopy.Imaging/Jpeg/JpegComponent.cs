using System.Buffers;

namespace YoloZeroCopy;

/// <summary>One colour component of a JPEG picture: its place in the frame header, its size and its memory.</summary>
internal sealed class JpegComponent
{
    public required int Id { get; init; }

    /// <summary>Horizontal and vertical sampling factors, 1 to 4.</summary>
    public required int H { get; init; }

    public required int V { get; init; }

    public required int QuantTable { get; init; }

    /// <summary>Samples that carry the picture.</summary>
    public int Width { get; private set; }

    public int Height { get; private set; }

    /// <summary>8x8 blocks that carry the picture: the layout of a scan of this component alone.</summary>
    public int Columns => (Width + 7) / 8;

    public int Rows => (Height + 7) / 8;

    /// <summary>Blocks in memory: filled up to whole minimum coded units.</summary>
    public int PaddedColumns { get; private set; }

    public int PaddedRows { get; private set; }

    /// <summary>Decoded samples, <see cref="Stride"/> bytes a row. Rented.</summary>
    public byte[] Samples { get; private set; } = [];

    public int Stride => PaddedColumns * 8;

    /// <summary>Coefficients in natural order, 64 a block, of a progressive picture; else empty. Rented.</summary>
    public short[] Coefficients { get; private set; } = [];

    /// <summary>Quantisation table as it was when this component's first scan began, natural order.</summary>
    public int[]? Quant { get; set; }

    /// <summary>Last DC value, the prediction of the next one.</summary>
    public int DcPrediction { get; set; }

    /// <summary>True once a sequential scan has brought this component.</summary>
    public bool IsDecoded { get; set; }

    /// <summary>Progressive: by coefficient, the lowest bit that scans have brought so far; -1 for none.</summary>
    public sbyte[] BitsDone { get; } = CreateBitsDone();

    public void SetSize(int width, int height, int maxH, int maxV)
    {
        Width = CeilDivide(width * H, maxH);
        Height = CeilDivide(height * V, maxV);
        PaddedColumns = CeilDivide(width, 8 * maxH) * H;
        PaddedRows = CeilDivide(height, 8 * maxV) * V;
    }

    public void Rent(bool progressive)
    {
        Samples = ArrayPool<byte>.Shared.Rent(PaddedColumns * PaddedRows * 64);
        if (progressive)
        {
            int length = PaddedColumns * PaddedRows * 64;
            Coefficients = ArrayPool<short>.Shared.Rent(length);
            Array.Clear(Coefficients, 0, length);
        }
    }

    public void Return()
    {
        if (Samples.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(Samples);
            Samples = [];
        }

        if (Coefficients.Length > 0)
        {
            ArrayPool<short>.Shared.Return(Coefficients);
            Coefficients = [];
        }
    }

    private static int CeilDivide(int value, int by) => (value + by - 1) / by;

    private static sbyte[] CreateBitsDone()
    {
        sbyte[] bits = new sbyte[64];
        bits.AsSpan().Fill(-1);
        return bits;
    }
}
