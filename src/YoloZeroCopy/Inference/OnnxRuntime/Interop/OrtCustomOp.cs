using System.Runtime.InteropServices;

namespace YoloZeroCopy.Interop;

/// <summary>An operator of ours as ONNX Runtime wants it: <c>OrtCustomOp</c> of version 18, whose callbacks get its address. What follows
/// <see cref="ReleaseAliasMap"/> is ours.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct OrtCustomOp
{
    /// <summary>The version in which an operator could first say that its output may take its input's memory.</summary>
    public const uint Version = 18;

    public uint StructVersion;
    public nint CreateKernel;
    public delegate* unmanaged<OrtCustomOp*, byte*> GetName;
    public delegate* unmanaged<OrtCustomOp*, byte*> GetExecutionProviderType;
    public delegate* unmanaged<OrtCustomOp*, nuint, OrtElementType> GetInputType;
    public delegate* unmanaged<OrtCustomOp*, nuint> GetInputTypeCount;
    public delegate* unmanaged<OrtCustomOp*, nuint, OrtElementType> GetOutputType;
    public delegate* unmanaged<OrtCustomOp*, nuint> GetOutputTypeCount;
    public nint KernelCompute;
    public delegate* unmanaged<nint, void> KernelDestroy;

    // OrtCustomOpInputOutputCharacteristic: 0 is required.
    public delegate* unmanaged<OrtCustomOp*, nuint, int> GetInputCharacteristic;
    public delegate* unmanaged<OrtCustomOp*, nuint, int> GetOutputCharacteristic;

    // OrtMemType: 0 is the provider's own memory.
    public delegate* unmanaged<OrtCustomOp*, nuint, int> GetInputMemoryType;
    public nint GetVariadicInputMinArity;
    public nint GetVariadicInputHomogeneity;
    public nint GetVariadicOutputMinArity;
    public nint GetVariadicOutputHomogeneity;

    // CreateKernelV2(const OrtCustomOp*, const OrtApi*, const OrtKernelInfo*, void** kernel)
    public delegate* unmanaged<OrtCustomOp*, OrtApi*, nint, nint*, nint> CreateKernelV2;

    // KernelComputeV2(void* kernel, OrtKernelContext*)
    public delegate* unmanaged<nint, nint, nint> KernelComputeV2;
    public nint InferOutputShape;
    public delegate* unmanaged<OrtCustomOp*, int> GetStartVersion;
    public delegate* unmanaged<OrtCustomOp*, int> GetEndVersion;

    // GetMayInplace(int** inputs, int** outputs): returns how many pairs there are; the arrays are given back to ReleaseMayInplace.
    public delegate* unmanaged<int**, int**, nuint> GetMayInplace;
    public delegate* unmanaged<int*, int*, void> ReleaseMayInplace;
    public delegate* unmanaged<int**, int**, nuint> GetAliasMap;
    public delegate* unmanaged<int*, int*, void> ReleaseAliasMap;
}
