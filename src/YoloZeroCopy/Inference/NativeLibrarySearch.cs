using System.Collections.Immutable;
using System.Runtime.InteropServices;

namespace YoloZeroCopy;

/// <summary>Where a native library is looked for, in this order: option, environment variable, application, system.</summary>
/// <remarks>Plain values, so that a test can search a folder of its own.</remarks>
internal abstract record NativeLibrarySearch
{
    /// <summary>Folder of the application.</summary>
    public required string ApplicationDirectory { get; init; }

    /// <summary>Other folders in which the .NET host looks for the application's native libraries.</summary>
    public ImmutableArray<string> NativeDirectories { get; init; } = [];

    /// <summary>Whether to ask the system's loader at the end.</summary>
    public bool UseSystem { get; init; } = true;

    /// <summary><see cref="NativeDirectories"/> of this process.</summary>
    protected static ImmutableArray<string> NativeDirectoriesOfThisProcess =>
        AppContext.GetData("NATIVE_DLL_SEARCH_DIRECTORIES") is string directories
            ? [.. directories.Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)]
            : [];

    /// <summary>Whether a candidate is a bare name for the system's loader, and no file.</summary>
    public static bool IsForSystem(string candidate) => !Path.IsPathRooted(candidate);

    /// <summary>Files that may be there and, at the end, bare names for the system's loader, in the order to try.</summary>
    /// <param name="named">What option and variable say.</param>
    /// <param name="names">Names that the library may have, most wanted first.</param>
    /// <param name="allNames">Names by which a folder is known to hold such a library; the same, or more.</param>
    /// <exception cref="NativeLibraryException">The option or the variable is set, and there is no library where it points.</exception>
    protected IEnumerable<string> Candidates(in NamedLibrary named, ImmutableArray<string> names, ImmutableArray<string> allNames)
    {
        if (named.Path is not null)
        {
            return InNamedPlace(named, names, allNames);
        }

        IEnumerable<string> inFolders = ApplicationDirectories().SelectMany(folder => names.Select(name => Path.Combine(folder, name)));
        return UseSystem ? inFolders.Concat(names) : inFolders;
    }

    private static IEnumerable<string> InNamedPlace(in NamedLibrary named, ImmutableArray<string> names, ImmutableArray<string> allNames)
    {
        string full = Path.GetFullPath(named.Path!);
        if (File.Exists(full))
        {
            return [full];
        }

        if (!allNames.Any(name => File.Exists(Path.Combine(full, name))))
        {
            throw new NativeLibraryException(
                named.Library,
                $"{named.Source} is '{named.Path}', which is neither the library's file nor a folder with {string.Join(" or ", allNames)} in it. "
                + "Correct or remove it; no other place is tried.");
        }

        return names.Select(name => Path.Combine(full, name));
    }

    private IEnumerable<string> ApplicationDirectories()
    {
        // A .NET that a distribution built reports that distribution's own identifier, but packages carry the portable one.
        string system = OperatingSystem.IsWindows() ? "win" : OperatingSystem.IsMacOS() ? "osx" : "linux";
        string portable = $"{system}-{RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant()}";
        IEnumerable<string> folders =
        [
            Path.Combine(ApplicationDirectory, "runtimes", RuntimeInformation.RuntimeIdentifier, "native"),
            Path.Combine(ApplicationDirectory, "runtimes", portable, "native"),
            ApplicationDirectory,
            .. NativeDirectories,
        ];
        return folders.Select(static folder => Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder))).Distinct();
    }

    /// <summary>What option and variable say of a library.</summary>
    /// <param name="Library">What messages call it.</param>
    /// <param name="Option">File or folder that the caller's options give; null or empty when they give none.</param>
    /// <param name="OptionName">What messages call that option.</param>
    /// <param name="Variable">Value of the environment variable; null or empty when it is not set.</param>
    /// <param name="VariableName">Its name.</param>
    protected readonly record struct NamedLibrary(string Library, string? Option, string OptionName, string? Variable, string VariableName)
    {
        public string? Path => !string.IsNullOrEmpty(Option) ? Option : !string.IsNullOrEmpty(Variable) ? Variable : null;

        public string Source => !string.IsNullOrEmpty(Option) ? OptionName : $"the environment variable {VariableName}";
    }
}
