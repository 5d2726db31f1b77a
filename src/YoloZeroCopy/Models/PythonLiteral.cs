using System.Globalization;
using System.Text;

namespace YoloZeroCopy;

/// <summary>
/// Reads the Python literals that Ultralytics writes into a model's metadata: dicts, lists, tuples, strings, numbers, True, False, None.
/// </summary>
/// <remarks>
/// Values come as <see cref="Dict"/>, <see cref="List{T}"/> of values, <see cref="string"/>, <see cref="long"/>, <see cref="double"/>,
/// <see cref="bool"/> or null. JSON's true, false and null are taken too. Text is untrusted: length, depth and number of values are bounded, and
/// anything else is no literal.
/// </remarks>
internal ref struct PythonLiteral
{
    private const int MaxLength = 1 << 22;
    private const int MaxDepth = 16;
    private const int MaxValues = 1 << 18;

    private readonly ReadOnlySpan<char> text;
    private int position;
    private int values;

    private PythonLiteral(ReadOnlySpan<char> source) => text = source;

    /// <summary>Entries of a dict in the order of the text.</summary>
    public sealed class Dict : List<(object? Key, object? Value)>;

    /// <summary>Reads a whole text as one literal.</summary>
    public static bool TryParse(ReadOnlySpan<char> source, out object? value)
    {
        value = null;
        if (source.Length > MaxLength)
        {
            return false;
        }

        PythonLiteral literal = new(source);
        if (!literal.TryValue(0, out value))
        {
            return false;
        }

        literal.SkipSpace();
        return literal.position == source.Length;
    }

    private readonly char Current => position < text.Length ? text[position] : '\0';

    private void SkipSpace()
    {
        while (position < text.Length && char.IsWhiteSpace(text[position]))
        {
            position++;
        }
    }

    private bool TryValue(int depth, out object? value)
    {
        value = null;
        SkipSpace();
        if (depth > MaxDepth || ++values > MaxValues)
        {
            return false;
        }

        switch (Current)
        {
            case '{':
                return TryDict(depth, out value);
            case '[':
                return TryList(']', depth, out value);
            case '(':
                return TryList(')', depth, out value);
            case '\'' or '"':
                return TryString(out value);
            default:
                return TryWord(out value);
        }
    }

    private bool TryDict(int depth, out object? value)
    {
        Dict entries = [];
        value = entries;
        position++;
        for (SkipSpace(); Current != '}'; SkipSpace())
        {
            if (!TryValue(depth + 1, out object? key))
            {
                return false;
            }

            SkipSpace();
            if (!TrySkip(':') || !TryValue(depth + 1, out object? item))
            {
                return false;
            }

            entries.Add((key, item));
            SkipSpace();
            if (!TrySkip(',') && Current != '}')
            {
                return false;
            }
        }

        position++;
        return true;
    }

    private bool TryList(char end, int depth, out object? value)
    {
        List<object?> items = [];
        value = items;
        position++;
        for (SkipSpace(); Current != end; SkipSpace())
        {
            if (!TryValue(depth + 1, out object? item))
            {
                return false;
            }

            items.Add(item);
            SkipSpace();
            if (!TrySkip(',') && Current != end)
            {
                return false;
            }
        }

        position++;
        return true;
    }

    private bool TrySkip(char wanted)
    {
        if (position >= text.Length || text[position] != wanted)
        {
            return false;
        }

        position++;
        return true;
    }

    private bool TryString(out object? value)
    {
        value = null;
        char quote = text[position++];
        StringBuilder result = new();
        while (position < text.Length)
        {
            char c = text[position++];
            if (c == quote)
            {
                value = result.ToString();
                return true;
            }

            if (c != '\\')
            {
                result.Append(c);
            }
            else if (!TryEscape(result))
            {
                return false;
            }
        }

        return false;
    }

    private bool TryEscape(StringBuilder result)
    {
        if (position >= text.Length)
        {
            return false;
        }

        char c = text[position++];
        switch (c)
        {
            case 'n':
                result.Append('\n');
                return true;
            case 't':
                result.Append('\t');
                return true;
            case 'r':
                result.Append('\r');
                return true;
            case '\\' or '\'' or '"' or '/':
                result.Append(c);
                return true;
            case 'x':
                return TryCodePoint(2, result);
            case 'u':
                return TryCodePoint(4, result);
            case 'U':
                return TryCodePoint(8, result);
            default:
                // Python keeps the backslash of an escape it does not know.
                result.Append('\\').Append(c);
                return true;
        }
    }

    private bool TryCodePoint(int digits, StringBuilder result)
    {
        if (position + digits > text.Length
            || !uint.TryParse(text.Slice(position, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out uint code)
            || code > 0x10FFFF)
        {
            return false;
        }

        position += digits;

        // JSON writes what is beyond 16 bits as two halves, so that a lone half is passed on.
        if (code <= 0xFFFF)
        {
            result.Append((char)code);
        }
        else
        {
            result.Append(char.ConvertFromUtf32((int)code));
        }

        return true;
    }

    private bool TryWord(out object? value)
    {
        int start = position;
        while (position < text.Length && (char.IsAsciiLetterOrDigit(text[position]) || text[position] is '+' or '-' or '.' or '_'))
        {
            position++;
        }

        ReadOnlySpan<char> word = text[start..position];
        (bool known, value) = word switch
        {
            "True" or "true" => (true, (object?)true),
            "False" or "false" => (true, false),
            "None" or "null" => (true, null),
            _ => (false, null),
        };
        if (known)
        {
            return true;
        }

        if (long.TryParse(word, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long whole))
        {
            value = whole;
            return true;
        }

        if (double.TryParse(word, NumberStyles.Float, CultureInfo.InvariantCulture, out double number))
        {
            value = number;
            return true;
        }

        return false;
    }
}
