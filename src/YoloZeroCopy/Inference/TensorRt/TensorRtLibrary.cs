using YoloZeroCopy.Interop;

namespace YoloZeroCopy;

/// <summary>The user's TensorRT, opened by the shim of its major. Each has a log of its own; objects made of it keep it open.</summary>
internal sealed unsafe class TensorRtLibrary : IDisposable
{
    private TensorRtLibrary(TensorRtShim shim, TrtHandle handle, TensorRtLog log, in TrtLibraryInfo info)
    {
        Shim = shim;
        Handle = handle;
        Log = log;
        Path = TrtApi.Text(info.Path);
        Version = FormattableString.Invariant($"{info.Major}.{info.Minor}.{info.Patch}.{info.Build}");
        Flavour = info.Flavour;
        CanBuild = info.CanBuild != 0;
    }

    public TensorRtShim Shim { get; }

    public TrtApi Api => Shim.Api;

    public TrtHandle Handle { get; }

    public TensorRtLog Log { get; }

    /// <summary>The file that was opened.</summary>
    public string Path { get; }

    /// <summary>As the library says itself: <c>10.16.0.72</c>.</summary>
    public string Version { get; }

    public TrtFlavour Flavour { get; }

    public bool CanBuild { get; }

    /// <summary>Name and version for people.</summary>
    public string Name =>
        $"{Flavour switch { TrtFlavour.Rtx => "TensorRT for RTX", TrtFlavour.Lean => "TensorRT lean runtime", _ => "TensorRT" }} {Version}";

    /// <summary>Finds the shims and the library and opens it.</summary>
    /// <exception cref="NativeLibraryException">
    /// A shim or the library was not found, or what was found is not one this can use; the message names every place and what to do.
    /// </exception>
    public static TensorRtLibrary Open(TensorRtSearch search)
    {
        List<string> missingShims = [];
        List<TensorRtShim> shims = [.. TensorRtShim.LoadAll(search, missingShims).OrderBy(shim => shim.Major != search.Origin?.Major)];
        TrtStatus refusal = TrtStatus.LibraryMissing;
        string refusalMessage = string.Empty;
        List<string> tried = [];
        foreach (TensorRtShim shim in shims)
        {
            // The shim is asked about what is there, or what the system's loader may find: a driver that is missing is no reason against a file that
            // is missing, too.
            ILookup<bool, string> candidates =
                search.LibraryCandidates(shim.Major).ToLookup(static path => NativeLibrarySearch.IsForSystem(path) || File.Exists(path));
            tried.AddRange(candidates[false]);
            if (!candidates[true].Any())
            {
                continue;
            }

            (TrtStatus status, TensorRtLibrary? library) = TryOpen(shim, [.. candidates[true]]);
            if (library is not null)
            {
                return library;
            }

            // A file that was found and refused says more than places where there is none; that one shim finds it of another major says least, if the
            // other is there, too.
            string message = shim.Api.LastMessage();
            if (status == TrtStatus.LibraryMissing)
            {
                tried.Add(message);
            }
            else if (refusal is TrtStatus.LibraryMissing or TrtStatus.WrongMajor)
            {
                (refusal, refusalMessage) = (status, message);
            }
        }

        throw TensorRtErrors.Library(refusal, refusal switch
        {
            TrtStatus.LibraryMissing =>
                $"the native library was not found. Install TensorRT {string.Join(" or ", TensorRtSearch.Majors.Order())} or TensorRT for RTX, or "
                    + $"set {TensorRtSearch.VariableName} to its file or folder. "
                + $"Tried:{TensorRtShim.Lines(tried)}{MissingShims()}",
            TrtStatus.WrongMajor => refusalMessage + MissingShims(),
            _ => refusalMessage,
        });

        // The library may be there, and only the shim for its major not.
        string MissingShims() => shims.Count == TensorRtSearch.Majors.Length ? string.Empty
            : $"{Environment.NewLine}Shims that were not found:{TensorRtShim.Lines(missingShims)}{Environment.NewLine}";
    }

    public void Dispose() => Handle.Dispose();

    private static (TrtStatus Status, TensorRtLibrary? Library) TryOpen(TensorRtShim shim, string[] paths)
    {
        byte[][] texts = [.. paths.Select(Utf8.Terminated)];
        byte** pointers = stackalloc byte*[texts.Length];
        TensorRtLog log = new();
        ulong value;
        TrtStatus status;
        fixed (byte* pinned = texts.SelectMany(static text => text).ToArray())
        {
            byte* next = pinned;
            for (int index = 0; index < texts.Length; index++)
            {
                pointers[index] = next;
                next += texts[index].Length;
            }

            TrtLibraryOptions options = new()
            {
                StructSize = (uint)sizeof(TrtLibraryOptions),
                PathCount = texts.Length,
                Paths = pointers,
                Log = &TensorRtLog.OnMessage,
                LogUser = log.User,
                LogSeverity = (int)TrtSeverity.Warning,
            };
            status = shim.Api.LibraryOpen(&options, &value);
        }

        if (status != TrtStatus.Ok)
        {
            log.Dispose();
            return (status, null);
        }

        TrtHandle handle = new(value, shim.Api.LibraryFree, disposedLast: log);
        TrtLibraryInfo info = new() { StructSize = (uint)sizeof(TrtLibraryInfo) };
        status = shim.Api.LibraryInfoGet(value, &info);
        if (status != TrtStatus.Ok)
        {
            string message = shim.Api.LastMessage();
            handle.Dispose();
            throw TensorRtErrors.Library(status, message);
        }

        return (status, new TensorRtLibrary(shim, handle, log, info));
    }
}
