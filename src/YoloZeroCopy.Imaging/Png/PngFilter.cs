namespace YoloZeroCopy;

/// <summary>The five row filters of PNG (specification, clause 9).</summary>
internal static class PngFilter
{
    public const byte None = 0;
    public const byte Sub = 1;
    public const byte Up = 2;
    public const byte Average = 3;
    public const byte Paeth = 4;

    /// <summary>Gives a filtered row its values back.</summary>
    /// <param name="filter">Filter of the row.</param>
    /// <param name="row">The row without its filter byte.</param>
    /// <param name="above">The finished row above, zeros for the first.</param>
    /// <param name="step">Bytes to the left neighbour.</param>
    public static void Undo(byte filter, Span<byte> row, ReadOnlySpan<byte> above, int step)
    {
        above = above[..row.Length];
        switch (filter)
        {
            case None:
                break;
            case Sub:
                for (int i = step; i < row.Length; i++)
                {
                    row[i] += row[i - step];
                }

                break;
            case Up:
                for (int i = 0; i < row.Length; i++)
                {
                    row[i] += above[i];
                }

                break;
            case Average:
                for (int i = 0; i < row.Length; i++)
                {
                    int left = i >= step ? row[i - step] : 0;
                    row[i] += (byte)((left + above[i]) / 2);
                }

                break;
            case Paeth:
                for (int i = 0; i < row.Length; i++)
                {
                    int left = i >= step ? row[i - step] : 0;
                    int corner = i >= step ? above[i - step] : 0;
                    row[i] += Predict(left, above[i], corner);
                }

                break;
            default:
                throw new InvalidDataException($"damaged PNG: row filter {filter} cannot be.");
        }
    }

    /// <summary>Filters a row for writing.</summary>
    /// <returns>Sum of the results as distances from zero: the smaller, the better it will deflate.</returns>
    public static long Apply(byte filter, ReadOnlySpan<byte> row, ReadOnlySpan<byte> above, int step, Span<byte> filtered)
    {
        long sum = 0;
        for (int i = 0; i < row.Length; i++)
        {
            int left = i >= step ? row[i - step] : 0;
            int corner = i >= step ? above[i - step] : 0;
            int prediction = filter switch
            {
                Sub => left,
                Up => above[i],
                Paeth => Predict(left, above[i], corner),
                _ => 0,
            };
            byte value = (byte)(row[i] - prediction);
            filtered[i] = value;
            sum += Math.Abs((int)(sbyte)value);
        }

        return sum;
    }

    private static byte Predict(int left, int above, int corner)
    {
        int toLeft = Math.Abs(above - corner);
        int toAbove = Math.Abs(left - corner);
        int toCorner = Math.Abs(left + above - (2 * corner));
        if (toLeft <= toAbove && toLeft <= toCorner)
        {
            return (byte)left;
        }

        return (byte)(toAbove <= toCorner ? above : corner);
    }
}
