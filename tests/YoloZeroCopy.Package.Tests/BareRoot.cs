namespace YoloZeroCopy.Tests;

/// <summary>A root folder with a published program and the system's libraries that its files name as their needs, and nothing else: no fonts, no
/// configuration, no other library.</summary>
internal sealed class BareRoot
{
    private const string App = "app";

    public BareRoot(string folder, string published)
    {
        Folder = folder;
        foreach (string file in Directory.GetFiles(published))
        {
            Copy(file, Path.Combine(Folder, App, Path.GetFileName(file)));
        }

        // Where a library is found stands behind "=>", the loader's own path at the beginning of its line.
        string[] programs =
            [.. Directory.GetFiles(published).Where(static file => file.EndsWith(".so", StringComparison.Ordinal) || !Path.HasExtension(file))];
        IEnumerable<string> libraries = DotnetProgram.Run("ldd", published, null, programs).Lines
            .Select(static line => line[(line.IndexOf("=>", StringComparison.Ordinal) is int arrow and >= 0 ? arrow + 2 : 0)..].Trim().Split(' ')[0])
            .Where(path => path.StartsWith('/') && !path.StartsWith(published, StringComparison.Ordinal) && File.Exists(path))
            .Distinct();
        foreach (string library in libraries)
        {
            Copy(library, Path.Combine(Folder, library.TrimStart('/')));
        }

        foreach (string empty in (string[])["tmp", "proc", "dev"])
        {
            Directory.CreateDirectory(Path.Combine(Folder, empty));
        }
    }

    public string Folder { get; }

    public IEnumerable<string> Files => Directory.EnumerateFiles(Folder, "*", SearchOption.AllDirectories);

    /// <summary>Runs the program with this root, and with /proc and /dev, which .NET asks for the memory there is and for random numbers; in
    /// namespaces of its own, so that nothing of this machine changes.</summary>
    public ProgramResult Run(string program, params string[] arguments)
    {
        const string Enter = "mount --rbind /proc \"$0/proc\" && mount --rbind /dev \"$0/dev\" && exec chroot \"$0\" \"$@\"";
        string[] user = Environment.IsPrivilegedProcess ? [] : ["--map-root-user"];
        return DotnetProgram.Run("unshare", Folder, null, ["--mount", .. user, "sh", "-c", Enter, Folder, $"/{App}/{program}", .. arguments]);
    }

    private static void Copy(string from, string to)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(to)!);
        File.Copy(from, to);
    }
}
