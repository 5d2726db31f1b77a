using System.Collections.Immutable;
using System.Globalization;
using System.Text;

namespace YoloZeroCopy;

/// <summary>What <see cref="Doctor.ExamineEnvironment"/> found on this machine.</summary>
/// <remarks>Immutable; any thread.</remarks>
public sealed class EnvironmentReport
{
    /// <summary>Makes a report; for those who add findings of their own.</summary>
    /// <param name="findings">The findings, in the order in which they are to be read.</param>
    public EnvironmentReport(IEnumerable<Finding> findings)
    {
        ArgumentNullException.ThrowIfNull(findings);
        Findings = [.. findings];
    }

    /// <summary>Everything that was looked at.</summary>
    public ImmutableArray<Finding> Findings { get; }

    /// <summary>Whether anything is <see cref="FindingVerdict.Bad"/>.</summary>
    public bool HasBad => Findings.Any(static finding => finding.Verdict == FindingVerdict.Bad);

    /// <summary>The findings as lines for people, each remedy below its finding.</summary>
    public override string ToString()
    {
        StringBuilder text = new();
        foreach (Finding finding in Findings)
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"{Word(finding.Verdict),-8}{finding.Name,-16}{finding.Found}");
            if (finding.Remedy is not null)
            {
                text.AppendLine(CultureInfo.InvariantCulture, $"{"",-24}-> {finding.Remedy}");
            }
        }

        return text.ToString();
    }

    internal static string Word(FindingVerdict verdict) => verdict switch
    {
        FindingVerdict.Good => "good",
        FindingVerdict.Note => "note",
        FindingVerdict.Bad => "BAD",
        _ => "unknown",
    };
}
