namespace YoloZeroCopy.Imaging.Tests;

public sealed class LabelTextTests
{
    private const int Size = 20;
    private const float Any = float.MaxValue;

    [Theory]
    [InlineData("bolt 0.87", "000000000")]
    [InlineData("", "")]
    [InlineData("...", "000")]
    [InlineData("\u05d0\u05d1 \u05d2 0.87", "11111" + "2222")]
    [InlineData("bolt \u05d0 \u05d1 M8", "00000" + "111" + "000")]
    [InlineData("\u05d0 M8 \u05d1", "11" + "22" + "11")]
    [InlineData("\u05d0 12 (x)", "11" + "22" + "11" + "2" + "1")]
    [InlineData("x \u05d0 12 y", "00" + "11" + "22" + "00")]
    [InlineData("\ud83a\udd0b", "11")]
    public void Letters_know_their_direction(string text, string wanted)
    {
        byte[] levels = new byte[text.Length];
        Unicode.GetLevels(text, levels);
        Assert.Equal(wanted, string.Concat(levels.Select(static level => (char)('0' + level))));
    }

    [Fact]
    public void A_combining_letter_takes_no_room_of_its_own()
    {
        using LabelText combined = LabelText.Of("e\u0301crou", Size, Any);
        using LabelText plain = LabelText.Of("ecrou", Size, Any);
        Assert.InRange(combined.Width, plain.Width - 0.5, plain.Width + 0.5);
    }

    [Fact]
    public void Letters_of_joining_scripts_are_joined()
    {
        const string Word = "\u0628\u0631\u063a\u064a";
        Assert.SkipUnless(Annotator.MissingCharacters(Word).Length == 0, "The system has no font with Arabic letters.");
        using LabelText word = LabelText.Of(Word, Size, Any);
        float apart = 0;
        foreach (char letter in Word)
        {
            using LabelText alone = LabelText.Of(letter.ToString(), Size, Any);
            apart += alone.Width;
        }

        // A final form is as wide as a letter alone, an initial or medial one is narrower.
        Assert.InRange(word.Width, 1, apart - 1);
    }

    [Theory]
    [InlineData("bolt", "")]
    [InlineData("bolt\n\t\u200d 0.5", "")]
    [InlineData("\ue000 bolt \ue001\ue000", "\ue000\ue001")]
    [InlineData("\ud800", "")]
    [InlineData("", "")]
    public void What_no_font_has_is_told(string text, string missing)
    {
        // A lone half of a pair shows as the replacement character, which Roboto has.
        Assert.Equal(missing, Annotator.MissingCharacters(text));
    }

    [Fact]
    public void A_text_that_is_too_wide_ends_in_an_ellipsis()
    {
        using LabelText all = LabelText.Of("hexagonal bolt", Size, Any);
        using LabelText exact = LabelText.Of("hexagonal bolt", Size, all.Width);
        using LabelText cut = LabelText.Of("hexagonal bolt", Size, all.Width - 1);
        using LabelText half = LabelText.Of("hexagonal bolt", Size, all.Width / 2);
        using LabelText same = LabelText.Of("hexa\u2026", Size, Any);
        using LabelText none = LabelText.Of("hexagonal bolt", Size, 0);
        using LabelText ellipsis = LabelText.Of("\u2026", Size, Any);
        Assert.Equal(all.Width, exact.Width);
        Assert.InRange(cut.Width, all.Width * 0.8, all.Width - 1);
        Assert.InRange(half.Width, same.Width, all.Width / 2);
        Assert.Equal(ellipsis.Width, none.Width);
    }

    [Fact]
    public void Font_files_are_listed_the_plain_ones_first_and_damaged_ones_passed_by()
    {
        string folder = Directory.CreateTempSubdirectory("yzc-fonts-").FullName;
        try
        {
            Directory.CreateDirectory(Path.Combine(folder, "within"));
            string[] names =
            [
                "Abc.ttf", "NotoSans-BoldItalic.ttf", "NotoSans-Bold.ttf", "within/NotoSans-Regular.otf", "DejaVuSans.ttf", "readme.txt",
                "NotoSerif.ttc",
            ];
            foreach (string name in names)
            {
                File.WriteAllText(Path.Combine(folder, name), "no font");
            }

            string[] files = SystemFontFiles.List([folder, Path.Combine(folder, "missing")]);
            Assert.Equal(
                ["within/NotoSans-Regular.otf", "DejaVuSans.ttf", "Abc.ttf", "NotoSans-Bold.ttf", "NotoSerif.ttc", "NotoSans-BoldItalic.ttf"],
                files.Select(file => Path.GetRelativePath(folder, file)));
            Assert.Null(SystemFontFiles.Find([.. files, Path.Combine(folder, "gone.ttf")], "a"));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
