namespace YoloZeroCopy.Tests;

public sealed class ElfFileTests : IDisposable
{
    private readonly ModelFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Needed_libraries_are_read_in_the_files_order()
    {
        string file = Needy();
        Assert.Equal(["libb.so.2", "liba.so.1"], ElfFile.NeededLibraries(file));
    }

    [Fact]
    public void A_file_that_is_cut_or_damaged_needs_nothing_or_less()
    {
        string file = Needy();
        byte[] whole = File.ReadAllBytes(file);
        string damaged = folder.File("damaged.so");
        for (int length = 0; length < whole.Length; length += 61)
        {
            File.WriteAllBytes(damaged, whole[..length]);
            Assert.Empty(ElfFile.NeededLibraries(damaged).Except(["libb.so.2", "liba.so.1"]));
        }

        // Every byte of the header and of the table of segments, one at a time: what is read may be wrong, and never ends the program.
        for (int at = 0; at < Math.Min(whole.Length, 1024); at++)
        {
            byte[] bytes = [.. whole];
            bytes[at] ^= 0xFF;
            File.WriteAllBytes(damaged, bytes);
            Assert.True(ElfFile.NeededLibraries(damaged).Count <= 2);
        }
    }

    [Fact]
    public void What_is_no_library_needs_nothing()
    {
        File.WriteAllText(folder.File("text"), "MZ");
        Assert.Empty(ElfFile.NeededLibraries(folder.File("text")));
        Assert.Empty(ElfFile.NeededLibraries(folder.File("missing")));
        Assert.Empty(ElfFile.NeededLibraries(folder.Path));
    }

    private string Needy()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The library is linked on Linux only.");
        string file = folder.File("needy.so");
        OnnxRuntimeDoubles.MakeNeedy(file, "libb.so.2", "liba.so.1");
        return file;
    }
}
