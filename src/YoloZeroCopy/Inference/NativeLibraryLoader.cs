using System.Runtime.InteropServices;

namespace YoloZeroCopy;

/// <summary>Opens a native library once per file and process, and keeps it: none of them is ever unloaded.</summary>
/// <param name="name">What messages call the library.</param>
/// <param name="open">Checks an opened module of a path and takes what is needed of it; the module is closed where this throws.</param>
/// <remarks>Any thread.</remarks>
internal sealed class NativeLibraryLoader<T>(string name, Func<string, nint, T> open)
    where T : class
{
    private readonly Lock gate = new();
    private readonly Dictionary<string, T> loaded = [];

    /// <summary>Opens the first candidate that is there, or gives what is open already.</summary>
    /// <param name="candidates">Files and bare names, as <see cref="NativeLibrarySearch"/> gives them.</param>
    /// <param name="notFound">What to do where none is there; the places that were tried follow.</param>
    /// <exception cref="NativeLibraryException">None is there, or the first that is cannot be used.</exception>
    public T Load(IEnumerable<string> candidates, string notFound)
    {
        List<string> tried = [];
        lock (gate)
        {
            foreach (string candidate in candidates)
            {
                if (loaded.TryGetValue(candidate, out T? known))
                {
                    return known;
                }

                if (NativeLibrarySearch.IsForSystem(candidate))
                {
                    if (NativeLibrary.TryLoad(candidate, out nint module))
                    {
                        return Keep(candidate, module);
                    }

                    tried.Add($"{candidate}, by the system's own search");
                }
                else if (File.Exists(candidate))
                {
                    return Keep(candidate, LoadFile(candidate));
                }
                else
                {
                    tried.Add(candidate);
                }
            }
        }

        throw new NativeLibraryException(
            name,
            $"the native library was not found. {notFound} Tried:{string.Concat(tried.Select(static place => $"{Environment.NewLine}  {place}"))}");
    }

    private nint LoadFile(string file)
    {
        try
        {
            return NativeLibrary.Load(file);
        }
        catch (Exception error) when (error is DllNotFoundException or BadImageFormatException)
        {
            throw new NativeLibraryException(
                name,
                $"'{file}' cannot be loaded; it is damaged, made for another system or processor ({RuntimeInformation.RuntimeIdentifier} is wanted), "
                + $"or a library it needs is missing: {error.Message}",
                error);
        }
    }

    private T Keep(string path, nint module)
    {
        try
        {
            T library = open(path, module);
            loaded.Add(path, library);
            return library;
        }
        catch
        {
            NativeLibrary.Free(module);
            throw;
        }
    }
}
