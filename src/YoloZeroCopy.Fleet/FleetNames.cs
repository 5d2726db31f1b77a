namespace YoloZeroCopy;

/// <summary>Names that are keys in Redis, parts of subjects in NATS and parts of addresses on the page.</summary>
internal static class FleetNames
{
    private const int MaxLength = 64;

    public static bool IsName(string? name) =>
        name is { Length: > 0 and <= MaxLength } && name.All(static letter => char.IsAsciiLetterOrDigit(letter) || letter is '-' or '_');

    public static void ThrowIfNone(string? name, string what)
    {
        if (!IsName(name))
        {
            throw new ArgumentException($"{what} is '{name}'; wanted are 1 to {MaxLength} letters, digits, '-' and '_'.", what);
        }
    }
}
