using System.Text.Json;

namespace YoloZeroCopy.Cli;

/// <summary>A part of the report that not every run has.</summary>
internal interface IReportSection
{
    /// <summary>Writes one member with all figures.</summary>
    void Write(Utf8JsonWriter json);

    /// <summary>The same for people: a name and a sentence each.</summary>
    IEnumerable<(string Name, string Text)> Lines();
}
