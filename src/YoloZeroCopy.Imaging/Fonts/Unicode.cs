using System.Globalization;
using System.Text;

namespace YoloZeroCopy;

/// <summary>What the layout of one line must know of characters.</summary>
internal static class Unicode
{
    /// <summary>Whether a character is drawn as nothing: joiners, direction marks and selectors, which fonts need not have.</summary>
    public static bool IsInvisible(Rune rune) => rune.Value is >= 0xFE00 and <= 0xFE0F or >= 0xE0000 and <= 0xE0FFF
        || Rune.GetUnicodeCategory(rune) == UnicodeCategory.Format;

    /// <summary>Whether a character is placed by what stands before it, so that a font alone cannot draw it well.</summary>
    public static bool IsCombining(Rune rune) => Rune.GetUnicodeCategory(rune) is
        UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark or UnicodeCategory.Format;

    /// <summary>The embedding levels of a text's characters, even for left to right, odd for right to left: the Unicode Bidirectional Algorithm
    /// (UAX #9) without explicit embeddings, which names of classes do not hold.</summary>
    /// <param name="text">One line.</param>
    /// <param name="levels">As long as the text.</param>
    public static void GetLevels(ReadOnlySpan<char> text, Span<byte> levels)
    {
        // The first letter says which way the line runs (P2). W2 and W7 make a number's direction that of the letter before it.
        Direction whole = Direction.Left;
        foreach (Rune rune in text.EnumerateRunes())
        {
            if (DirectionOf(rune) is Direction.Left or Direction.Right)
            {
                whole = DirectionOf(rune);
                break;
            }
        }

        Direction letter = whole;
        Direction before = whole;
        int neutral = 0;
        for (int i = 0; i < text.Length;)
        {
            Rune.DecodeFromUtf16(text[i..], out Rune rune, out int length);
            Direction direction = IsWithinNumber(text, i) ? Direction.Number : DirectionOf(rune);
            if (direction == Direction.Neutral)
            {
                i += length;
                continue;
            }

            bool isNumber = direction == Direction.Number;
            letter = isNumber ? letter : direction;

            // A number counts as its letter's direction for the neutral characters beside it (N1), the rest follow the line (N2).
            Direction side = isNumber ? letter : direction;
            levels[neutral..i].Fill(Level(before == side ? side : whole, whole, isNumber: false));
            levels.Slice(i, length).Fill(Level(side, whole, isNumber));
            before = side;
            i += length;
            neutral = i;
        }

        levels[neutral..].Fill(Level(whole, whole, isNumber: false));
    }

    // A single separator between two digits belongs to the number (W4): 0.87.
    private static bool IsWithinNumber(ReadOnlySpan<char> text, int i) => text[i] is '.' or ',' or ':' or '/'
        && i > 0 && i + 1 < text.Length && char.IsDigit(text[i - 1]) && char.IsDigit(text[i + 1]);

    private static byte Level(Direction direction, Direction whole, bool isNumber) => direction switch
    {
        Direction.Right when isNumber => 2,
        Direction.Right => 1,
        _ => (byte)(whole == Direction.Right ? 2 : 0),
    };

    private static Direction DirectionOf(Rune rune)
    {
        UnicodeCategory category = Rune.GetUnicodeCategory(rune);
        if (category == UnicodeCategory.DecimalDigitNumber)
        {
            return Direction.Number;
        }

        bool isLetter = category <= UnicodeCategory.SpacingCombiningMark || category == UnicodeCategory.OtherNumber;
        return !isLetter ? Direction.Neutral : IsRightToLeft(rune.Value) ? Direction.Right : Direction.Left;
    }

    // The blocks that Unicode sets aside for scripts from right to left.
    private static bool IsRightToLeft(int value) =>
        value is >= 0x590 and <= 0x8FF or >= 0xFB1D and <= 0xFDFF or >= 0xFE70 and <= 0xFEFF
            or >= 0x10800 and <= 0x10FFF or >= 0x1E800 and <= 0x1EFFF;

    private enum Direction
    {
        Neutral,
        Number,
        Left,
        Right,
    }
}
