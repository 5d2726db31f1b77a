namespace MultiCamera.Alarms;

/// <summary>Names of cameras, which stand in topics, in names of files and in addresses of pages.</summary>
internal static class Names
{
    public const int MaxLength = 64;

    public const string Rule = "1 to 64 letters (a to z, A to Z), digits, '-', '_' and '.', the first no '.'";

    /// <summary>True for a name that <see cref="Rule"/> allows.</summary>
    public static bool IsValid(string? name)
    {
        if (string.IsNullOrEmpty(name) || name.Length > MaxLength || name[0] == '.')
        {
            return false;
        }

        foreach (char letter in name)
        {
            if (!char.IsAsciiLetterOrDigit(letter) && letter is not ('-' or '_' or '.'))
            {
                return false;
            }
        }

        return true;
    }
}
