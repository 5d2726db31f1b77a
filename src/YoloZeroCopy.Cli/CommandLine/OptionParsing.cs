using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace YoloZeroCopy.Cli;

/// <summary>Reads the values of options. Numbers are in the invariant culture; every refusal says what was given and what is wanted.</summary>
internal static class OptionParsing
{
    private const int MaxEcho = 40;

    /// <summary>A number from 0 to 1.</summary>
    public static bool TryRatio(string text, out float value, [NotNullWhen(false)] out string? error)
    {
        // Written so that NaN fails.
        const NumberStyles Style = NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent;
        bool valid = float.TryParse(text, Style, CultureInfo.InvariantCulture, out value) && value is >= 0 and <= 1;
        error = valid ? null : $"'{Echo(text)}' is not a number from 0 to 1";
        return valid;
    }

    /// <summary>A whole number in a range.</summary>
    public static bool TryInteger(string text, int least, int most, out int value, [NotNullWhen(false)] out string? error)
    {
        bool valid = int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out value) && value >= least && value <= most;
        error = valid ? null : string.Create(CultureInfo.InvariantCulture, $"'{Echo(text)}' is not a whole number from {least} to {most}");
        return valid;
    }

    /// <summary>A time in seconds.</summary>
    public static bool TrySeconds(string text, double least, double most, out double value, [NotNullWhen(false)] out string? error)
    {
        bool valid = double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out value)
            && value >= least && value <= most;
        error = valid ? null : string.Create(CultureInfo.InvariantCulture, $"'{Echo(text)}' is not a number of seconds from {least} to {most}");
        return valid;
    }

    /// <summary>Width and height in pixels: <c>1920x1080</c>; where allowed, one number for both.</summary>
    public static bool TrySize(string text, bool allowSquare, out (int Width, int Height) value, [NotNullWhen(false)] out string? error)
    {
        value = default;
        ReadOnlySpan<char> rest = text;
        int cross = rest.IndexOfAny('x', 'X');
        bool valid = cross < 0
            ? allowSquare && TrySide(rest, out value.Width) && (value.Height = value.Width) > 0
            : TrySide(rest[..cross], out value.Width) && TrySide(rest[(cross + 1)..], out value.Height);
        if (valid)
        {
            error = null;
            return true;
        }

        value = default;
        string example = allowSquare ? "640 or 640x384" : "1920x1080";
        error = $"'{Echo(text)}' is not a size like {example} (width x height), each side 1 to {FrameFormat.MaxSize}";
        return false;
    }

    /// <summary>Numbers by commas, <c>1,7,32</c>.</summary>
    public static bool TryIntegers(string text, int least, int most, out ImmutableArray<int> value, [NotNullWhen(false)] out string? error)
    {
        List<int> numbers = [];
        value = [];
        foreach (string part in text.Split(','))
        {
            if (!TryInteger(part, least, most, out int number, out error))
            {
                return false;
            }

            numbers.Add(number);
        }

        value = [.. numbers];
        error = null;
        return true;
    }

    /// <summary>Sizes with commas between them, each as <see cref="TrySize"/> takes it, no two alike.</summary>
    public static bool TrySizes(string text, out ImmutableArray<(int Width, int Height)> value, [NotNullWhen(false)] out string? error)
    {
        List<(int Width, int Height)> sizes = [];
        value = [];
        foreach (string part in text.Split(','))
        {
            if (!TrySize(part, allowSquare: true, out (int Width, int Height) size, out error))
            {
                return false;
            }

            if (sizes.Contains(size))
            {
                error = $"'{Echo(text)}' has a size twice";
                return false;
            }

            sizes.Add(size);
        }

        if (sizes.Count > TensorRtBuildOptions.MaxSizes)
        {
            error = string.Create(
                CultureInfo.InvariantCulture, $"'{Echo(text)}' has {sizes.Count} sizes; up to {TensorRtBuildOptions.MaxSizes} are wanted");
            return false;
        }

        value = [.. sizes];
        error = null;
        return true;
    }

    /// <summary>The name of a range of GPUs, in any case.</summary>
    public static bool TryHardware(string text, out TensorRtHardware value, [NotNullWhen(false)] out string? error) =>
        TryName(text, "range of GPUs", out value, out error);

    /// <summary>The name of a pixel format, in any case.</summary>
    public static bool TryPixelFormat(string text, out PixelFormat value, [NotNullWhen(false)] out string? error) =>
        TryName(text, "pixel format", out value, out error);

    /// <summary>The name of a way to wait for a GPU, in any case.</summary>
    public static bool TryWaitMode(string text, out WaitMode value, [NotNullWhen(false)] out string? error) =>
        TryName(text, "wait mode", out value, out error);

    /// <summary>The name of a transfer mode, in any case.</summary>
    public static bool TryTransferMode(string text, out TransferMode value, [NotNullWhen(false)] out string? error) =>
        TryName(text, "transfer mode", out value, out error);

    /// <summary>The name of a precision.</summary>
    public static bool TryPrecision(string text, out Precision value, [NotNullWhen(false)] out string? error) =>
        TryName(text, "precision", out value, out error);

    /// <summary>The name of a way to choose ranges, in any case.</summary>
    public static bool TryQuantizationRange(string text, out QuantizationRange value, [NotNullWhen(false)] out string? error) =>
        TryName(text, "way to choose ranges", out value, out error);

    /// <summary>The name of a way to decode streams, in any case.</summary>
    public static bool TryStreamDecoding(string text, out StreamDecoding value, [NotNullWhen(false)] out string? error) =>
        TryName(text, "way to decode", out value, out error);

    /// <summary>The name of a way to compress video, in any case.</summary>
    public static bool TryStreamCodec(string text, out StreamCodec value, [NotNullWhen(false)] out string? error) =>
        TryName(text, "codec", out value, out error);

    /// <summary>Decoders such as <c>16 mjpeg 1920x1080</c>, with commas between them.</summary>
    public static bool TryDecoders(string text, out ImmutableArray<ExpectedDecoders> value, [NotNullWhen(false)] out string? error)
    {
        try
        {
            value = [.. text.Split(',').Select(static part => ExpectedDecoders.Parse(part.Trim()))];
            error = null;
            return true;
        }
        catch (FormatException)
        {
            value = default;
            error = $"'{Echo(text)}' are no decoders; number, codec (h264, hevc, av1 or mjpeg) and size are, such as \"16 mjpeg 1920x1080\"";
            return false;
        }
    }

    /// <summary>The name of a card that is sold.</summary>
    public static bool TryCard(string text, out GpuCard value, [NotNullWhen(false)] out string? error)
    {
        bool valid = GpuCard.TryFind(text, out value);
        error = valid
            ? null
            : $"'{Echo(text)}' is no card that is known; there are "
                + $"{string.Join(", ", GpuCard.All.Select(static card => card.Name))}. --vram takes any size";
        return valid;
    }

    /// <summary>A size of memory: <c>24GiB</c>, <c>1.5GiB</c>, <c>512MiB</c>, or a number of bytes.</summary>
    public static bool TryBytes(string text, out long value, [NotNullWhen(false)] out string? error)
    {
        (string unit, long factor)[] units = [("GiB", 1L << 30), ("MiB", 1L << 20), ("KiB", 1L << 10), ("", 1)];
        (string suffix, long scale) = units.First(unit => text.EndsWith(unit.unit, StringComparison.OrdinalIgnoreCase));
        bool valid = decimal.TryParse(text[..^suffix.Length], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal number)
            && number > 0 && number <= (1L << 50) / scale;
        value = valid ? Math.Max(1, (long)(number * scale)) : 0;
        error = valid ? null : $"'{Echo(text)}' is not a size like 24GiB, 512MiB or a number of bytes";
        return valid;
    }

    /// <summary>The name of a device.</summary>
    public static bool TryDevice(string text, out Device value, [NotNullWhen(false)] out string? error)
    {
        try
        {
            value = Device.Parse(text);
            error = null;
            return true;
        }
        catch (FormatException refused)
        {
            value = default;
            error = refused.Message.TrimEnd('.');
            return false;
        }
    }

    private static bool TryName<T>(string text, string what, out T value, [NotNullWhen(false)] out string? error)
        where T : struct, Enum
    {
        // Enum.TryParse would take numbers and lists of names, too.
        foreach (T candidate in Enum.GetValues<T>())
        {
            if (string.Equals(text, candidate.ToString(), StringComparison.OrdinalIgnoreCase))
            {
                value = candidate;
                error = null;
                return true;
            }
        }

        value = default;
        error = $"'{Echo(text)}' is no {what}; there are {string.Join(", ", Enum.GetNames<T>()).ToLowerInvariant()}";
        return false;
    }

    private static bool TrySide(ReadOnlySpan<char> text, out int side) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out side) && side is >= 1 and <= FrameFormat.MaxSize;

    private static string Echo(string text) => text.Length <= MaxEcho ? text : string.Concat(text.AsSpan(0, MaxEcho), "...");
}
