using System.Runtime.InteropServices;

namespace YoloZeroCopy.Interop;

/// <summary>Functions of cuDNN 9 that are called: its backend API, in which a few kinds of descriptors describe everything.</summary>
/// <remarks>Any thread, with the CUDA context current that a handle was created in.</remarks>
internal sealed unsafe class CudnnApi
{
    private const int MaxMessageLength = 4096;

    private readonly delegate* unmanaged<nuint> getVersion;
    private readonly delegate* unmanaged<nuint> getCudaVersion;
    private readonly delegate* unmanaged<CudnnStatus, byte*> getErrorString;
    private readonly delegate* unmanaged<byte*, nuint, void> getLastErrorString;

    /// <summary>Takes the functions of an opened library.</summary>
    /// <exception cref="EntryPointNotFoundException">It lacks one.</exception>
    public CudnnApi(nint module)
    {
        getVersion = (delegate* unmanaged<nuint>)Export(module, "cudnnGetVersion");
        getCudaVersion = (delegate* unmanaged<nuint>)Export(module, "cudnnGetCudartVersion");
        getErrorString = (delegate* unmanaged<CudnnStatus, byte*>)Export(module, "cudnnGetErrorString");
        getLastErrorString = (delegate* unmanaged<byte*, nuint, void>)Export(module, "cudnnGetLastErrorString");
        Create = (delegate* unmanaged<nint*, CudnnStatus>)Export(module, "cudnnCreate");
        Destroy = (delegate* unmanaged<nint, CudnnStatus>)Export(module, "cudnnDestroy");
        SetStream = (delegate* unmanaged<nint, nint, CudnnStatus>)Export(module, "cudnnSetStream");
        CreateDescriptor = (delegate* unmanaged<CudnnDescriptorType, nint*, CudnnStatus>)Export(module, "cudnnBackendCreateDescriptor");
        DestroyDescriptor = (delegate* unmanaged<nint, CudnnStatus>)Export(module, "cudnnBackendDestroyDescriptor");
        Complete = (delegate* unmanaged<nint, CudnnStatus>)Export(module, "cudnnBackendFinalize");
        SetAttribute = (delegate* unmanaged<nint, CudnnAttribute, CudnnAttributeType, long, void*, CudnnStatus>)Export(
            module, "cudnnBackendSetAttribute");
        GetAttribute = (delegate* unmanaged<nint, CudnnAttribute, CudnnAttributeType, long, long*, void*, CudnnStatus>)Export(
            module, "cudnnBackendGetAttribute");
        Execute = (delegate* unmanaged<nint, nint, nint, CudnnStatus>)Export(module, "cudnnBackendExecute");
    }

    /// <summary>Version as major x 10,000 + minor x 100 + patch.</summary>
    public int Version => (int)getVersion();

    /// <summary>Version of CUDA that the library was built with, as major x 1,000 + minor x 10.</summary>
    public int CudaVersion => (int)getCudaVersion();

    public delegate* unmanaged<nint*, CudnnStatus> Create { get; }

    public delegate* unmanaged<nint, CudnnStatus> Destroy { get; }

    public delegate* unmanaged<nint, nint, CudnnStatus> SetStream { get; }

    public delegate* unmanaged<CudnnDescriptorType, nint*, CudnnStatus> CreateDescriptor { get; }

    public delegate* unmanaged<nint, CudnnStatus> DestroyDescriptor { get; }

    /// <summary>Ends the setting of a descriptor's attributes; a plan is compiled by this.</summary>
    public delegate* unmanaged<nint, CudnnStatus> Complete { get; }

    public delegate* unmanaged<nint, CudnnAttribute, CudnnAttributeType, long, void*, CudnnStatus> SetAttribute { get; }

    public delegate* unmanaged<nint, CudnnAttribute, CudnnAttributeType, long, long*, void*, CudnnStatus> GetAttribute { get; }

    /// <summary>Runs a plan on the tensors of a variant pack, on the handle's stream.</summary>
    public delegate* unmanaged<nint, nint, nint, CudnnStatus> Execute { get; }

    /// <summary>Throws what cuDNN says about a status that is no success.</summary>
    /// <exception cref="InferenceException">The status is no success.</exception>
    public void ThrowIfFailed(CudnnStatus status, string doing)
    {
        if (status != CudnnStatus.Success)
        {
            throw new InferenceException(Describe(status, doing));
        }
    }

    /// <summary>A failure in cuDNN's own words. The thread that failed asks.</summary>
    public string Describe(CudnnStatus status, string doing)
    {
        byte* buffer = stackalloc byte[MaxMessageLength];
        buffer[0] = 0;
        getLastErrorString(buffer, MaxMessageLength);
        string last = Utf8.Read(buffer, MaxMessageLength).Trim();
        string more = last.Length == 0 ? "" : $": {last}";
        return $"cuDNN failed at {doing}: {Utf8.Read(getErrorString(status), MaxMessageLength)} (status {(int)status}){more}";
    }

    private static nint Export(nint module, string name) => NativeLibrary.GetExport(module, name);
}
