namespace YoloZeroCopy.Tests;

public sealed class AssignmentTests
{
    [Fact]
    public void No_other_pairing_costs_less()
    {
        Random random = new(1);
        Assignment assignment = new();
        for (int round = 0; round < 3000; round++)
        {
            int rows = random.Next(7);
            int columns = random.Next(7);
            double limit = 0.3 + (0.7 * random.NextDouble());
            double[,] costs = new double[rows, columns];
            assignment.Clear(columns, limit);
            for (int row = 0; row < rows; row++)
            {
                assignment.AddRow();
                for (int column = 0; column < columns; column++)
                {
                    // Few different costs make many ties.
                    costs[row, column] = round % 2 == 0 ? random.NextDouble() : random.Next(6) / 5.0;
                    assignment.Add(column, costs[row, column]);
                }
            }

            assignment.Solve();

            double total = 0;
            for (int row = 0; row < rows; row++)
            {
                int column = assignment.ColumnOf(row);
                Assert.True(column < 0 || costs[row, column] < limit);
                Assert.True(column < 0 || assignment.RowOf(column) == row);
                total += column < 0 ? 0 : costs[row, column] - limit;
            }

            Assert.Equal(Enumerable.Range(0, rows).Count(row => assignment.ColumnOf(row) >= 0),
                Enumerable.Range(0, columns).Count(column => assignment.RowOf(column) >= 0));
            Assert.Equal(Least(costs, 0, 0, limit), total, 9);
        }
    }

    [Fact]
    public void A_pair_is_given_up_for_two_that_cost_less_together()
    {
        // The best pair first would be 0.1, and two left alone: 0.1 + 0.8 against 0.4 + 0.45.
        Assignment assignment = Solve(0.8, [[0.1, 0.4], [0.45, 1]]);
        Assert.Equal([1, 0], [assignment.ColumnOf(0), assignment.ColumnOf(1)]);
    }

    [Fact]
    public void A_row_that_costs_more_than_leaving_it_alone_stays_alone()
    {
        Assignment assignment = Solve(0.5, [[0.5, 0.6], [0.2, 0.9]]);
        Assert.Equal([-1, 0, 1, -1], [assignment.ColumnOf(0), assignment.ColumnOf(1), assignment.RowOf(0), assignment.RowOf(1)]);
    }

    private static Assignment Solve(double limit, double[][] costs)
    {
        Assignment assignment = new();
        assignment.Clear(costs[0].Length, limit);
        foreach (double[] row in costs)
        {
            assignment.AddRow();
            for (int column = 0; column < row.Length; column++)
            {
                assignment.Add(column, row[column]);
            }
        }

        assignment.Solve();
        return assignment;
    }

    /// <summary>The least that rows from one on can cost, tried out; a row alone is 0.</summary>
    private static double Least(double[,] costs, int row, int taken, double limit)
    {
        if (row == costs.GetLength(0))
        {
            return 0;
        }

        double least = Least(costs, row + 1, taken, limit);
        for (int column = 0; column < costs.GetLength(1); column++)
        {
            if ((taken & (1 << column)) == 0)
            {
                least = Math.Min(least, costs[row, column] - limit + Least(costs, row + 1, taken | (1 << column), limit));
            }
        }

        return least;
    }
}
