namespace YoloZeroCopy;

/// <summary>Pairs rows with columns at the least total cost; a row or a column that is left alone costs half the limit.</summary>
/// <remarks>
/// The same answer as <c>lap.lapjv</c> with a cost limit, which pads the costs to a square of rows + columns with half the limit. Here the padding is
/// not made: a row may end in a place of its own at the whole limit, while columns may stay free, and only pairs below the limit, of which boxes have
/// few, are held. Each row is inserted along a shortest augmenting path, with the potentials of Jonker and Volgenant. One thread at a time; allocates
/// only to grow.
/// </remarks>
internal sealed class Assignment
{
    private const int None = -1;

    // The pairs of row r are rowStarts[r] to rowStarts[r + 1].
    private readonly List<int> rowStarts = [];
    private readonly List<Pair> pairs = [];
    private readonly List<int> visitedRows = [];
    private readonly List<int> reachedColumns = [];
    private Row[] rows = [];
    private Column[] columns = [];
    private double limit;
    private int columnCount;

    /// <summary>Number of rows.</summary>
    public int RowCount => rowStarts.Count;

    /// <summary>Begins anew.</summary>
    public void Clear(int columnCount, double limit)
    {
        rowStarts.Clear();
        pairs.Clear();
        this.columnCount = columnCount;
        this.limit = limit;
    }

    /// <summary>Begins the next row.</summary>
    public void AddRow() => rowStarts.Add(pairs.Count);

    /// <summary>Says what the newest row costs with a column, 0 or more; what is not said is never paired.</summary>
    public void Add(int column, double cost)
    {
        if (cost < limit)
        {
            pairs.Add(new Pair(column, cost));
        }
    }

    /// <summary>The column of a row once solved, or -1.</summary>
    public int ColumnOf(int row) => rows[row].Column;

    /// <summary>The row of a column once solved, or -1.</summary>
    public int RowOf(int column) => columns[column].Row;

    public void Solve()
    {
        Grow(ref rows, RowCount);
        Grow(ref columns, columnCount);
        rows.AsSpan(0, RowCount).Fill(new Row { Column = None });
        columns.AsSpan(0, columnCount).Fill(new Column { Row = None, Distance = double.PositiveInfinity });
        for (int row = 0; row < RowCount; row++)
        {
            Insert(row);
        }
    }

    private void Insert(int inserted)
    {
        visitedRows.Clear();
        reachedColumns.Clear();
        int row = inserted;
        double distance = 0;
        int leavingRow = None;
        double leavingDistance = double.PositiveInfinity;
        int freeColumn = None;
        while (true)
        {
            visitedRows.Add(row);
            double alone = distance + limit - rows[row].Potential;
            if (alone < leavingDistance)
            {
                (leavingRow, leavingDistance) = (row, alone);
            }

            Reach(row, distance);
            int nearest = Nearest();
            if (nearest == None || columns[nearest].Distance >= leavingDistance)
            {
                distance = leavingDistance;
                break;
            }

            columns[nearest].IsDone = true;
            distance = columns[nearest].Distance;
            row = columns[nearest].Row;
            if (row == None)
            {
                freeColumn = nearest;
                break;
            }
        }

        MovePotentials(inserted, distance);
        Augment(inserted, leavingRow, freeColumn);
        foreach (int column in reachedColumns)
        {
            columns[column].Distance = double.PositiveInfinity;
            columns[column].IsDone = false;
        }
    }

    /// <summary>Shortens the ways to a row's columns.</summary>
    private void Reach(int row, double distance)
    {
        int end = row + 1 < RowCount ? rowStarts[row + 1] : pairs.Count;
        for (int index = rowStarts[row]; index < end; index++)
        {
            Pair pair = pairs[index];
            ref Column column = ref columns[pair.Column];
            double way = distance + pair.Cost - rows[row].Potential - column.Potential;
            if (!column.IsDone && way < column.Distance)
            {
                if (double.IsPositiveInfinity(column.Distance))
                {
                    reachedColumns.Add(pair.Column);
                }

                column.Distance = way;
                column.From = row;
            }
        }
    }

    private int Nearest()
    {
        int nearest = None;
        foreach (int column in reachedColumns)
        {
            if (!columns[column].IsDone && (nearest == None || columns[column].Distance < columns[nearest].Distance))
            {
                nearest = column;
            }
        }

        return nearest;
    }

    private void MovePotentials(int inserted, double distance)
    {
        foreach (int row in visitedRows)
        {
            rows[row].Potential += row == inserted ? distance : distance - columns[rows[row].Column].Distance;
        }

        foreach (int column in reachedColumns)
        {
            if (columns[column].IsDone)
            {
                columns[column].Potential -= distance - columns[column].Distance;
            }
        }
    }

    /// <summary>Hands columns on along the way, from its end back to the inserted row.</summary>
    private void Augment(int inserted, int leavingRow, int freeColumn)
    {
        int column = freeColumn;
        if (column == None)
        {
            column = rows[leavingRow].Column;
            rows[leavingRow].Column = None;
            if (leavingRow == inserted)
            {
                return;
            }
        }

        while (true)
        {
            int row = columns[column].From;
            columns[column].Row = row;
            (rows[row].Column, column) = (column, rows[row].Column);
            if (row == inserted)
            {
                return;
            }
        }
    }

    private static void Grow<T>(ref T[] items, int count)
    {
        if (items.Length < count)
        {
            items = new T[Math.Max(count, 2 * items.Length)];
        }
    }

    private readonly record struct Pair(int Column, double Cost);

    private struct Row
    {
        public double Potential;
        public int Column;
    }

    private struct Column
    {
        public double Potential;
        public double Distance;
        public int Row;
        public int From;
        public bool IsDone;
    }
}
