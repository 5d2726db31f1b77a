using System.Globalization;
using System.Text.Json;

namespace YoloZeroCopy.Cli;

/// <summary>Preprocessing by NPP beside the library's kernel.</summary>
/// <param name="Rows">One for each format.</param>
/// <param name="Problem">Why there are no more; null where all are there.</param>
internal sealed record NppSection(IReadOnlyList<NppRow> Rows, string? Problem) : IReportSection
{
    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject("npp"u8);
        json.WriteString("problem"u8, Problem);
        json.WriteStartArray("rows"u8);
        foreach (NppRow row in Rows)
        {
            json.WriteStartObject();
            json.WriteString("format"u8, row.PixelFormat);
            json.WriteNumber("width"u8, row.Format.Width);
            json.WriteNumber("height"u8, row.Format.Height);
            json.WriteNumber("npp_functions"u8, row.Functions);
            json.WriteNumber("kernel_us"u8, Math.Round(row.Kernel.Device, 2));
            json.WriteNumber("kernel_host_us"u8, Math.Round(row.Kernel.Host, 2));
            json.WriteNumber("npp_us"u8, Math.Round(row.Npp.Device, 2));
            json.WriteNumber("npp_host_us"u8, Math.Round(row.Npp.Host, 2));
            json.WriteNumber("kernel_graph_us"u8, Math.Round(row.KernelInGraph, 2));
            json.WritePropertyName("npp_graph_us"u8);
            if (row.NppInGraph is double inGraph)
            {
                json.WriteNumberValue(Math.Round(inGraph, 2));
            }
            else
            {
                json.WriteNullValue();
            }

            json.WriteNumber("mean_levels_apart"u8, Math.Round(row.MeanDifference, 4));
            json.WriteNumber("most_levels_apart"u8, Math.Round(row.MostDifference, 4));
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    public IEnumerable<(string Name, string Text)> Lines()
    {
        foreach (NppRow row in Rows)
        {
            yield return ($"NPP, {row.Format.Width}x{row.Format.Height} {row.PixelFormat}", row.Text());
        }

        if (Problem is not null)
        {
            yield return ("NPP", Problem);
        }
    }
}

/// <param name="Format">The frame.</param>
/// <param name="Functions">Functions of NPP for a frame.</param>
/// <param name="Kernel">The library's one kernel, alone.</param>
/// <param name="Npp">NPP's functions, alone.</param>
/// <param name="KernelInGraph">Microseconds of the kernel as one of many in a graph.</param>
/// <param name="NppInGraph">Microseconds of the functions likewise; null where they cannot be captured.</param>
/// <param name="MeanDifference">Mean distance of a value of the tensor, in levels of 255.</param>
/// <param name="MostDifference">The largest such.</param>
internal sealed record NppRow(
    FrameFormat Format, int Functions, SoloTime Kernel, SoloTime Npp, double KernelInGraph, double? NppInGraph, double MeanDifference,
        double MostDifference)
{
    public string PixelFormat => Format.PixelFormat.ToString().ToLowerInvariant();

    public string Text()
    {
        string graph = NppInGraph is double inGraph
            ? string.Create(CultureInfo.InvariantCulture, $"{inGraph:F1} us, the kernel {KernelInGraph:F1}") : "not to be captured";
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{Functions} functions {Npp.Device:F1} us, the one kernel {Kernel.Device:F1} us; in a graph {graph}; pixels {MeanDifference:F3} levels "
                + $"apart, at most {MostDifference:F1}");
    }
}
