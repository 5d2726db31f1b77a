using System.Runtime.InteropServices;

namespace YoloZeroCopy.Cuda.Interop;

/// <summary>Looks functions up in a loaded library and notes those that are missing.</summary>
internal sealed class DriverExports(nint module)
{
    private readonly List<string> missing = [];

    /// <summary>Required functions that the library lacks, in the order they were asked for.</summary>
    public IReadOnlyList<string> Missing => missing;

    /// <summary>Address of a function, or 0, which is noted.</summary>
    public nint Required(string name)
    {
        nint address = Optional(name);
        if (address == 0)
        {
            Lacks(name);
        }

        return address;
    }

    /// <summary>Address of a function that newer drivers have, or 0.</summary>
    public nint Optional(string name) => NativeLibrary.TryGetExport(module, name, out nint address) ? address : 0;

    /// <summary>Notes a function as missing.</summary>
    public void Lacks(string name) => missing.Add(name);
}
