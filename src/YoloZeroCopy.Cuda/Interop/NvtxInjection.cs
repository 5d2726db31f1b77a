using System.Runtime.InteropServices;

namespace YoloZeroCopy.Cuda.Interop;

/// <summary>
/// NVTX's side of the contract with a profiler: the profiler names a library in the environment, and that fills in the functions that it wants to
/// have called. NVTX itself is a header, so that there is no library to bind.
/// </summary>
/// <remarks>The numbers are those of NVTX 3. Tables are never freed: a profiler keeps their addresses.</remarks>
internal sealed unsafe class NvtxInjection
{
    /// <summary>Environment variable by which a profiler names its library.</summary>
    public const string LibraryVariable = "NVTX_INJECTION64_PATH";

    private const uint Callbacks = 1;
    private const uint VersionInfo = 3;
    private const int Core = 1;
    private const int RangePushA = 9;
    private const int RangePop = 11;

    // Functions of each module by the numbers of modules, without the first, which is none.
    private static readonly int[] ModuleSizes = [0, 16, 9, 15, 7, 16, 7];

    // A profiler asks while it is let in, on the same thread.
    [ThreadStatic]
    private static NvtxInjection? opening;

    private static readonly nint CallbackTable = MakeCallbackTable();
    private static readonly nint VersionTable = MakeVersionTable();

    private readonly nint*[] slots = new nint*[ModuleSizes.Length];
    private readonly nint**[] tables = new nint**[ModuleSizes.Length];

    private NvtxInjection()
    {
        for (int module = 1; module < ModuleSizes.Length; module++)
        {
            int size = ModuleSizes[module];
            slots[module] = (nint*)NativeMemory.AllocZeroed((nuint)size, (nuint)sizeof(nint));

            // Addresses of the slots, none for number 0, and none behind the last.
            tables[module] = (nint**)NativeMemory.AllocZeroed((nuint)size + 1, (nuint)sizeof(nint));
            for (int function = 1; function < size; function++)
            {
                tables[module][function] = slots[module] + function;
            }
        }
    }

    /// <summary>Lets a profiler's library in; null where there is none, or it does not want to.</summary>
    public static NvtxInjection? Open(string? path)
    {
        if (string.IsNullOrEmpty(path) || nint.Size != 8 || !NativeLibrary.TryLoad(path, out nint module))
        {
            return null;
        }

        if (!NativeLibrary.TryGetExport(module, "InitializeInjectionNvtx2", out nint entry))
        {
            NativeLibrary.Free(module);
            return null;
        }

        NvtxInjection injection = new();
        NvtxInjection? outer = opening;
        opening = injection;
        try
        {
            return ((delegate* unmanaged<delegate* unmanaged<uint, nint>, int>)entry)(&GetExportTable) != 0 ? injection : null;
        }
        finally
        {
            opening = outer;
        }
    }

    /// <summary>Begins a range on the calling thread.</summary>
    public void Push(byte* name)
    {
        nint push = slots[Core][RangePushA];
        if (push != 0)
        {
            _ = ((delegate* unmanaged<byte*, int>)push)(name);
        }
    }

    /// <summary>Ends the range that the thread began last.</summary>
    public void Pop()
    {
        nint pop = slots[Core][RangePop];
        if (pop != 0)
        {
            _ = ((delegate* unmanaged<int>)pop)();
        }
    }

    // { size_t struct_size; int (*GetModuleFunctionTable)(int module, NvtxFunctionTable *out_table, unsigned *out_size); }
    private static nint MakeCallbackTable()
    {
        nint* table = (nint*)NativeMemory.AllocZeroed(2, (nuint)sizeof(nint));
        table[0] = 2 * sizeof(nint);
        table[1] = (nint)(delegate* unmanaged<int, nint***, uint*, int>)&GetModuleFunctionTable;
        return (nint)table;
    }

    // { size_t struct_size; uint32_t version, reserved; void (*SetInjectionNvtxVersion)(uint32_t version); }
    private static nint MakeVersionTable()
    {
        nint* table = (nint*)NativeMemory.AllocZeroed(3, (nuint)sizeof(nint));
        table[0] = 3 * sizeof(nint);
        *(uint*)(table + 1) = 3;
        table[2] = (nint)(delegate* unmanaged<uint, void>)&SetInjectionVersion;
        return (nint)table;
    }

    [UnmanagedCallersOnly]
    private static nint GetExportTable(uint number) => number switch
    {
        Callbacks => CallbackTable,
        VersionInfo => VersionTable,
        _ => 0,
    };

    [UnmanagedCallersOnly]
    private static int GetModuleFunctionTable(int module, nint*** table, uint* size)
    {
        if (opening is not NvtxInjection injection || module < 1 || module >= ModuleSizes.Length)
        {
            return 0;
        }

        if (size != null)
        {
            *size = (uint)ModuleSizes[module];
        }

        if (table != null)
        {
            *table = (nint**)injection.tables[module];
        }

        return 1;
    }

    [UnmanagedCallersOnly]
    private static void SetInjectionVersion(uint version)
    {
    }
}
