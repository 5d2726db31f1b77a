using System.Text.Json;

namespace YoloZeroCopy.Cli;

/// <summary>What a batch's time on the device goes to.</summary>
/// <param name="Batch">Frames of the batch.</param>
/// <param name="Run">Microseconds of a whole run of the engine.</param>
/// <param name="Classes">Kinds of kernels.</param>
internal sealed record ProfileSection(int Batch, double Run, IReadOnlyList<KernelClass> Classes) : IReportSection
{
    public double Sum => Classes.Sum(static one => one.Microseconds);

    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject("profile"u8);
        json.WriteNumber("batch"u8, Batch);
        json.WriteNumber("engine_us"u8, Math.Round(Run, 2));
        json.WriteNumber("sum_us"u8, Math.Round(Sum, 2));
        json.WriteStartArray("classes"u8);
        foreach (KernelClass one in Classes)
        {
            json.WriteStartObject();
            json.WriteString("class"u8, one.Name);
            json.WriteNumber("launches"u8, one.Launches);
            json.WriteNumber("us"u8, Math.Round(one.Microseconds, 2));
            json.WriteNumber("share"u8, Math.Round(Statistics.Ratio(one.Microseconds, Sum), 4));
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    public IEnumerable<(string Name, string Text)> Lines()
    {
        yield return ("profile", FormattableString.Invariant(
            $"a batch of {Batch}: the engine {Run:F1} us on the device; all kernels one by one {Sum:F1} us"));
        foreach (KernelClass one in Classes)
        {
            yield return ($"  {one.Name}", FormattableString.Invariant(
                $"{100 * Statistics.Ratio(one.Microseconds, Sum):F1} %, {one.Microseconds:F1} us in {one.Launches} launches"));
        }
    }
}

/// <summary>Kernels of a kind in one batch.</summary>
/// <param name="Name">The kind.</param>
/// <param name="Launches">How many there are.</param>
/// <param name="Microseconds">What they take together.</param>
internal sealed record KernelClass(string Name, int Launches, double Microseconds);
