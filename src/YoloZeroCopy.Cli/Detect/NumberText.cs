using System.Buffers;
using System.Globalization;

namespace YoloZeroCopy.Cli;

/// <summary>The numbers of detections as text for programs: the same whatever the language of the system.</summary>
internal static class NumberText
{
    /// <summary>Digits of a score.</summary>
    public const string Score = "0.#####";

    /// <summary>Digits of an edge in pixels.</summary>
    public const string Edge = "0.###";

    /// <summary>Digits of a time in seconds.</summary>
    public const string Seconds = "0.######";

    /// <summary>Six significant digits, as C's and Python's <c>%g</c> gives them.</summary>
    public const string General = "g6";

    private const int MaxBytes = 64;

    /// <summary>Writes a number.</summary>
    /// <exception cref="InferenceException">It is infinite or no number.</exception>
    public static void Write(IBufferWriter<byte> output, double value, string format)
    {
        Span<byte> text = output.GetSpan(MaxBytes);
        if (!double.IsFinite(value) || !value.TryFormat(text, out int length, format, CultureInfo.InvariantCulture))
        {
            throw new InferenceException(FormattableString.Invariant($"a detection holds {value}, which is no number."));
        }

        output.Advance(length);
    }
}
