using System.Globalization;
using YoloZeroCopy.Cli.Interop;

namespace YoloZeroCopy.Cli;

/// <summary>The folder that the pictures, labels and crops of a run go into.</summary>
internal sealed class ResultFolder
{
    public const string LabelFolder = "labels";
    public const string CropFolder = "crops";

    // As users of Ultralytics know it.
    public const string StandardProject = "runs/detect";
    public const string StandardName = "predict";

    private readonly string path;

    private ResultFolder(string path, bool isFresh)
    {
        this.path = path;
        IsFresh = isFresh;
    }

    /// <summary>Whether it is one that is not there yet, so that nothing in it can be written over.</summary>
    public bool IsFresh { get; }

    /// <summary>The folder of a name, there or not.</summary>
    public static ResultFolder Named(string path) => new(path, isFresh: false);

    /// <summary>A folder of its own for this run: <c>predict</c>, or <c>predict2</c>, <c>predict3</c> ... where that is taken.</summary>
    public static ResultFolder Fresh(string path) => new(path, isFresh: true);

    /// <summary>Where the folder will be, unless it is a fresh one and this is taken.</summary>
    public string Path => path;

    /// <summary>Whether a folder in it has anything in it.</summary>
    public bool HasFilesIn(string folder)
    {
        string inner = System.IO.Path.Combine(path, folder);
        try
        {
            return Directory.Exists(inner) && Directory.EnumerateFileSystemEntries(inner).Any();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>Makes it.</summary>
    /// <returns>Its path.</returns>
    public string Make()
    {
        try
        {
            if (!IsFresh)
            {
                Directory.CreateDirectory(path);
                return path;
            }

            // Two runs that begin together get two folders.
            string trimmed = System.IO.Path.TrimEndingDirectorySeparator(path);
            Directory.CreateDirectory(System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(trimmed)) ?? trimmed);
            string made = trimmed;
            for (int number = 2; !NewFolder.TryMake(made); number++)
            {
                made = string.Create(CultureInfo.InvariantCulture, $"{trimmed}{number}");
            }

            return made;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw StandardOutput.Failed($"folder '{path}'", error);
        }
    }
}
