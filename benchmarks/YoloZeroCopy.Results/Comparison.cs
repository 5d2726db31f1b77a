using System.Globalization;
using System.Text;

namespace YoloZeroCopy.Results;

/// <summary>What became worse, and what better, from one result file to another.</summary>
/// <remarks>
/// A figure is worse where it moved the wrong way by more than its noise: three times the standard deviations of both files taken together (the root
/// of the sum of their squares), and no less than <see cref="LeastMeasured"/> of the old value. A figure that was measured once has no deviation, and
/// <see cref="LeastSingle"/> stands for it. Numbers near zero are not ratios: bytes must grow by a whole one, copies and drops by a hundredth.
/// </remarks>
internal sealed class Comparison
{
    /// <summary>Least change of a figure whose deviation is known.</summary>
    public const double LeastMeasured = 0.05;

    /// <summary>Least change of a figure that was measured once.</summary>
    public const double LeastSingle = 0.10;

    private const double Deviations = 3;
    private const double LeastCount = 0.01;
    private const double LeastBytes = 1;

    private readonly List<string> worse = [];
    private readonly List<string> better = [];
    private readonly List<string> missing = [];
    private readonly List<string> added = [];
    private readonly string before;
    private readonly string after;
    private int same;

    private Comparison(ResultFile old, ResultFile current)
    {
        before = Describe(old);
        after = Describe(current);
    }

    /// <summary>Figures that became worse beyond the noise, and those that the new file lacks.</summary>
    public IReadOnlyList<string> Worse => worse;

    public IReadOnlyList<string> Better => better;

    public IReadOnlyList<string> Missing => missing;

    public IReadOnlyList<string> Added => added;

    public bool IsGood => worse.Count == 0 && missing.Count == 0;

    /// <summary>Compares two files.</summary>
    /// <param name="old">What was.</param>
    /// <param name="current">What is.</param>
    /// <param name="otherMachine">Whether they may come from different machines.</param>
    /// <exception cref="ResultException">They come from different machines, or have nothing in common.</exception>
    public static Comparison Of(ResultFile old, ResultFile current, bool otherMachine = false)
    {
        if (!otherMachine && old.Machine.Hardware != current.Machine.Hardware)
        {
            throw new ResultException(
                $"not compared, the machines differ: {old.Machine.Hardware} and {current.Machine.Hardware}. "
                + "With --other-machine it is done all the same.");
        }

        Comparison result = new(old, current);
        foreach ((string name, Figure was) in old.Figures)
        {
            if (was.Better == Results.Better.Neither)
            {
                continue;
            }

            if (current.Figures.TryGetValue(name, out Figure? figure))
            {
                result.Add(name, was, figure);
            }
            else
            {
                result.missing.Add(name);
            }
        }

        result.added.AddRange(current.Figures.Keys.Where(name => !old.Figures.ContainsKey(name)));
        return result.same + result.worse.Count + result.better.Count > 0
            ? result
            : throw new ResultException($"not compared: {old.Name} and {current.Name} have no figure in common.");
    }

    public override string ToString()
    {
        StringBuilder text = new();
        _ = text.Append(CultureInfo.InvariantCulture, $"before: {before}\nafter:  {after}\n");
        Write("worse", worse);
        Write("missing", missing);
        Write("better", better);
        Write("new", added);
        _ = text.Append(
            CultureInfo.InvariantCulture, $"{worse.Count} worse, {missing.Count} missing, {better.Count} better, {same} within the noise\n");
        return text.ToString();

        void Write(string what, List<string> lines)
        {
            foreach (string line in lines)
            {
                _ = text.Append(CultureInfo.InvariantCulture, $"{what}: {line}\n");
            }
        }
    }

    private static string Describe(ResultFile file) => string.Create(
        CultureInfo.InvariantCulture, $"{file.Name}, {file.Machine.Date}, {file.Machine.Version}, {file.Machine.Hardware}, load {file.Machine.Load}");

    private static double Noise(string name, Figure old, Figure current)
    {
        double least = old.Unit == "B" || name.Contains("bytes", StringComparison.Ordinal) ? LeastBytes
            : name.Contains("copies", StringComparison.Ordinal) || name.Contains("drops", StringComparison.Ordinal) ? LeastCount
            : 0;
        bool isMeasured = old.Deviation is not null && current.Deviation is not null;
        double share = Math.Abs(old.Value) * (isMeasured ? LeastMeasured : LeastSingle);
        double deviations = Deviations * Math.Sqrt(Square(old.Deviation) + Square(current.Deviation));
        return Math.Max(least, Math.Max(share, deviations));

        static double Square(double? value) => value is double known ? known * known : 0;
    }

    private void Add(string name, Figure old, Figure current)
    {
        double change = current.Value - old.Value;
        double noise = Noise(name, old, current);
        if (Math.Abs(change) <= noise)
        {
            same++;
            return;
        }

        string unit = old.Unit.Length > 0 ? " " + old.Unit : "";
        string share = old.Value == 0
            ? "from nothing"
            : string.Create(CultureInfo.InvariantCulture, $"{100 * change / old.Value:+0.0;-0.0} %");
        string line = string.Create(
            CultureInfo.InvariantCulture,
            $"{name}: {old.Value:G5} to {current.Value:G5}{unit} ({share}, noise {noise:G3})");
        (change > 0 == (old.Better == Results.Better.Lower) ? worse : better).Add(line);
    }
}
