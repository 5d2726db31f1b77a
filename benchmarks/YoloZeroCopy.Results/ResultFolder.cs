namespace YoloZeroCopy.Results;

/// <summary>The result files that there are, read when they are asked for.</summary>
internal sealed class ResultFolder(string path)
{
    private readonly Dictionary<string, ResultFile?> known = new(StringComparer.Ordinal);

    /// <summary>A file by its folder and name without ending, such as <c>cpu/pool</c>; null where there is none.</summary>
    /// <exception cref="ResultException">It is no result file.</exception>
    public ResultFile? Find(string name)
    {
        if (!known.TryGetValue(name, out ResultFile? file))
        {
            string full = Path.Combine(path, name + ".json");
            known[name] = file = File.Exists(full) ? ResultFile.Read(full) : null;
        }

        return file;
    }
}
