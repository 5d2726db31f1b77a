using System.Globalization;

namespace YoloZeroCopy.Tests;

internal static class Signals
{
    private const string Mask = "SigIgn:";

    /// <summary>A process started in the background of a plain shell ignores SIGINT, and so does what it starts: the signal would not
    /// arrive.</summary>
    public static void SkipIfIgnored(int signal)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Signals are sent and looked up as on Linux.");
        string line = File.ReadLines("/proc/self/status").First(static text => text.StartsWith(Mask, StringComparison.Ordinal));
        ulong ignored = ulong.Parse(line.AsSpan(Mask.Length).Trim(), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
        Assert.SkipWhen((ignored >> (signal - 1) & 1) != 0, $"Signal {signal} is ignored by the process that runs the tests.");
    }
}
