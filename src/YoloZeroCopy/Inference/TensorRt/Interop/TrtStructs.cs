using System.Runtime.CompilerServices;

namespace YoloZeroCopy.Interop;

// Mirrors of the structures in native/trt/include/yzc_trt.h; tests compare their sizes and offsets with a compiler's.
#pragma warning disable CS0649 // Some are only written by the shim.

internal unsafe struct TrtLibraryOptions
{
    public uint StructSize;
    public int PathCount;
    public byte** Paths;
    public byte* ParserPath;
    public delegate* unmanaged<nint, int, byte*, void> Log;
    public nint LogUser;
    public int LogSeverity;
    public int Reserved;
}

internal unsafe struct TrtLibraryInfo
{
    public uint StructSize;
    public TrtFlavour Flavour;
    public int Major;
    public int Minor;
    public int Patch;
    public int Build;
    public int CanBuild;
    public int Headers;
    public byte* Path;
}

internal struct TrtRuntimeOptions
{
    public uint StructSize;
    public int HostCodeAllowed;
    public nint Allocator;
}

internal unsafe struct TrtEngineInfo
{
    public uint StructSize;
    public int TensorCount;
    public int ProfileCount;
    public int LayerCount;
    public int HardwareCompatibility;
    public int AuxiliaryStreams;
    public long DeviceMemory;
    public byte* Name;
}

internal struct TrtShape
{
    public int Rank;
    public int Reserved;
    public TrtDimensions Dimensions;

    public TrtShape(ReadOnlySpan<long> dimensions)
    {
        Rank = dimensions.Length;
        dimensions.CopyTo(((Span<long>)Dimensions)[..dimensions.Length]);
    }

    /// <summary>The dimensions; -1 for one that is not known.</summary>
    public readonly long[] ToArray() => ((ReadOnlySpan<long>)Dimensions)[..Math.Clamp(Rank, 0, TrtDimensions.MaxRank)].ToArray();
}

[InlineArray(MaxRank)]
internal struct TrtDimensions
{
    public const int MaxRank = 8;

    private long first;
}

internal unsafe struct TrtTensorInfo
{
    public uint StructSize;
    public TrtMode Mode;
    public TrtType Type;
    public int OnHost;
    public int IsShape;
    public int Format;
    public int VectorizedDimension;
    public int Components;
    public TrtShape Shape;
    public byte* Name;
    public byte* FormatText;
}

internal unsafe struct TrtBuilderOptions
{
    public uint StructSize;
    public TrtBuildFlags Flags;
    public ulong Workspace;
    public int OptimizationLevel;
    public int HardwareCompatibility;
    public int AuxiliaryStreams;
    public int Reserved;
    public byte* TimingCache;
    public ulong TimingCacheLength;
    public delegate* unmanaged<nint, int, byte*, byte*, int, int, int> Progress;
    public nint ProgressUser;
    public nint Allocator;
}

internal unsafe struct TrtIssue
{
    public uint StructSize;
    public int Code;
    public int Node;
    public int Line;
    public byte* NodeName;
    public byte* NodeOperation;
    public byte* Description;
    public byte* File;
    public byte* Function;
}

internal unsafe struct TrtProfileInput
{
    public uint StructSize;
    public int Reserved;
    public byte* Name;
    public TrtShape Min;
    public TrtShape Opt;
    public TrtShape Max;
}
