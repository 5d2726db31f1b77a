using System.Text.Json;

namespace YoloZeroCopy.Cli;

/// <summary>What a batch's time on the device goes to.</summary>
/// <param name="Batch">Frames of the batch.</param>
/// <param name="Run">Microseconds of a whole run of the engine.</param>
/// <param name="Classes">Kinds of kernels, the engine's between preprocessing and decoding.</param>
/// <param name="Layers">The engine's launches in order, where it tells them.</param>
/// <param name="Kernels">The engine's kernels by name, where they could be recorded.</param>
/// <param name="Problem">Why they could not; null where they could.</param>
internal sealed record ProfileSection(
    int Batch,
    double Run,
    IReadOnlyList<KernelClass> Classes,
    IReadOnlyList<LayerTime> Layers,
    IReadOnlyList<KernelClass> Kernels,
    string? Problem) : IReportSection
{
    private const int NamedKernels = 5;
    private const int NameLength = 60;

    public double Sum => Classes.Sum(static one => one.Microseconds);

    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject("profile"u8);
        json.WriteNumber("batch"u8, Batch);
        json.WriteNumber("engine_us"u8, Math.Round(Run, 2));
        json.WriteNumber("sum_us"u8, Math.Round(Sum, 2));
        WriteAll(json, "classes", Classes);
        json.WriteStartArray("layers"u8);
        foreach (LayerTime layer in Layers)
        {
            json.WriteStartObject();
            json.WriteString("name"u8, layer.Kind);
            json.WriteString("size"u8, layer.Size);
            json.WriteNumber("us"u8, Math.Round(layer.Microseconds, 2));
            json.WriteEndObject();
        }

        json.WriteEndArray();
        WriteAll(json, "kernels", Kernels);
        if (Problem is not null)
        {
            json.WriteString("problem"u8, Problem);
        }

        json.WriteEndObject();
    }

    public IEnumerable<(string Name, string Text)> Lines()
    {
        yield return ("profile", FormattableString.Invariant(
            $"a batch of {Batch}: the engine {Run:F1} us on the device; all kernels one by one {Sum:F1} us"));
        foreach (KernelClass one in Classes)
        {
            yield return ($"  {one.Name}", TextOf(one, Sum));
        }

        foreach (LayerTime layer in Layers.OrderByDescending(static layer => layer.Microseconds).Take(NamedKernels))
        {
            yield return ("  longest layer", FormattableString.Invariant($"{layer.Microseconds:F1} us: {layer.Kind}, {layer.Size}"));
        }

        double recorded = Kernels.Sum(static one => one.Microseconds);
        foreach (KernelClass one in Kernels.Take(NamedKernels))
        {
            yield return ("  longest kernel", $"{TextOf(one, recorded)}: {one.Name[..Math.Min(NameLength, one.Name.Length)]}");
        }

        if (Problem is not null)
        {
            yield return ("  kernels by name", $"not recorded: {Problem}");
        }
    }

    private static string TextOf(KernelClass one, double sum) => FormattableString.Invariant(
        $"{100 * Statistics.Ratio(one.Microseconds, sum):F1} %, {one.Microseconds:F1} us in {one.Launches:0.#} launches");

    private static void WriteAll(Utf8JsonWriter json, string name, IReadOnlyList<KernelClass> all)
    {
        double sum = all.Sum(static one => one.Microseconds);
        json.WriteStartArray(name);
        foreach (KernelClass one in all)
        {
            json.WriteStartObject();
            json.WriteString("name"u8, one.Name);
            json.WriteNumber("launches"u8, Math.Round(one.Launches, 1));
            json.WriteNumber("us"u8, Math.Round(one.Microseconds, 2));
            json.WriteNumber("share"u8, Math.Round(Statistics.Ratio(one.Microseconds, sum), 4));
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }
}

/// <summary>Kernels of a kind, or of a name, in one batch.</summary>
/// <param name="Name">The kind or the name.</param>
/// <param name="Launches">How many there are.</param>
/// <param name="Microseconds">What they take together.</param>
internal sealed record KernelClass(string Name, double Launches, double Microseconds);

/// <summary>A launch of an engine of ours.</summary>
/// <param name="Kind">Its kind.</param>
/// <param name="Size">Its channels and size.</param>
/// <param name="Microseconds">What it takes alone.</param>
internal sealed record LayerTime(string Kind, string Size, double Microseconds);
