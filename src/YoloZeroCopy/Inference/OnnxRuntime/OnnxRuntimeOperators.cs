using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using YoloZeroCopy.Cuda;
using YoloZeroCopy.Interop;

namespace YoloZeroCopy;

/// <summary>Our kernels in place of ONNX Runtime's own, where theirs leave a GPU's memory waiting: today SiLU, which follows nearly every convolution
/// of a YOLO model.</summary>
/// <remarks>
/// ONNX Runtime fuses <c>x * Sigmoid(x)</c> into its operator QuickGelu when it optimises a model, and takes an operator that the session brings
/// along before its own. Its kernel moves two bytes a thread at a time; ours moves sixteen. Nothing in the model's file changes, and a runtime that
/// does not take the operator gives the same results without it. Thread-safe; used by every session of an engine, and disposed after the last of
/// them.
/// </remarks>
internal sealed unsafe class OnnxRuntimeOperators : IDisposable
{
    private const nuint InputCount = 1;
    private readonly OrtApi* api;
    private readonly OrtHandle domain;
    private readonly Operator* operators;
    private readonly GCHandle self;
    private readonly Action<SiluCall> silu;
    private readonly bool isOnCuda;

    private OnnxRuntimeOperators(OnnxRuntimeLibrary library, bool isOnCuda, Action<SiluCall> compute)
    {
        api = library.Api;
        this.isOnCuda = isOnCuda;
        silu = compute;
        nint value;
        fixed (byte* name = "com.microsoft"u8)
        {
            api->CreateCustomOpDomain(name, &value).ThrowIfFailed(api);
        }

        domain = new OrtHandle(value, api->ReleaseCustomOpDomain);
        self = GCHandle.Alloc(this);
        ReadOnlySpan<OrtElementType> types = [OrtElementType.Float16, OrtElementType.Float];
        operators = (Operator*)NativeMemory.AllocZeroed((nuint)types.Length, (nuint)sizeof(Operator));
        try
        {
            for (int index = 0; index < types.Length; index++)
            {
                Fill(&operators[index], types[index], GCHandle.ToIntPtr(self), isOnCuda);
                api->CustomOpDomainAdd(domain.Value, &operators[index].Native).ThrowIfFailed(api);
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Operators for sessions on a CUDA device; null when this version of ONNX Runtime cannot take them.</summary>
    /// <param name="library">The runtime that opens the sessions.</param>
    /// <param name="kernels">Where kernels come from; it lives longer than this.</param>
    /// <exception cref="CudaException">The driver refused the kernels.</exception>
    public static OnnxRuntimeOperators? ForCuda(OnnxRuntimeLibrary library, KernelSet kernels)
    {
        if (!CanUse(library))
        {
            return null;
        }

        CudaKernel half = kernels.Get(SiluKernel.NameOf(TensorElementType.Float16));
        CudaKernel single = kernels.Get(SiluKernel.NameOf(TensorElementType.Float32));
        return new OnnxRuntimeOperators(library, isOnCuda: true, call =>
        {
            KernelGrid grid = SiluKernel.GridOf(call.Type, (long)call.Parameters.Elements);
            CudaKernel kernel = call.Type == TensorElementType.Float16 ? half : single;
            kernel.Launch(new CUstream(call.Stream), new CudaSize(grid.X, grid.Y, grid.Z), new CudaSize(grid.Threads), call.Parameters);
        });
    }

    /// <summary>Operators for sessions on the CPU, for tests of the way to them; null likewise.</summary>
    public static OnnxRuntimeOperators? ForCpu(OnnxRuntimeLibrary library, Action<SiluCall> compute) =>
        CanUse(library) ? new OnnxRuntimeOperators(library, isOnCuda: false, compute) : null;

    /// <summary>Lets the sessions that are opened with these options use the operators.</summary>
    public OrtStatus AddTo(OrtHandle sessionOptions) => api->AddCustomOpDomain(sessionOptions.Value, domain.Value);

    /// <summary>Called when every session that was opened with them is closed.</summary>
    public void Dispose()
    {
        if (domain.IsClosed)
        {
            return;
        }

        domain.Dispose();
        NativeMemory.Free(operators);
        self.Free();
    }

    private static bool CanUse(OnnxRuntimeLibrary library) => library.MinorVersion >= OrtCustomOp.Version;

    private static void Fill(Operator* op, OrtElementType type, nint owner, bool cuda)
    {
        op->Type = type;
        op->Owner = owner;
        ref OrtCustomOp native = ref op->Native;
        native.StructVersion = OrtCustomOp.Version;
        native.GetName = &GetName;
        native.GetExecutionProviderType = cuda ? &GetCudaProvider : &GetCpuProvider;
        native.GetInputType = &GetElementType;
        native.GetOutputType = &GetElementType;
        native.GetInputTypeCount = &GetCount;
        native.GetOutputTypeCount = &GetCount;
        native.GetInputCharacteristic = &GetDefault;
        native.GetOutputCharacteristic = &GetDefault;
        native.GetInputMemoryType = &GetDefault;
        native.CreateKernelV2 = &CreateKernel;
        native.KernelComputeV2 = &Compute;
        native.KernelDestroy = &DestroyKernel;
        native.GetStartVersion = &GetStartVersion;
        native.GetEndVersion = &GetEndVersion;
        native.GetMayInplace = &GetInPlace;
        native.ReleaseMayInplace = &ReleasePairs;
        native.GetAliasMap = &GetNoAlias;
        native.ReleaseAliasMap = &ReleasePairs;
    }

    [UnmanagedCallersOnly]
    private static byte* GetName(OrtCustomOp* op) => (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetReference("QuickGelu\0"u8));

    [UnmanagedCallersOnly]
    private static byte* GetCudaProvider(OrtCustomOp* op) => (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetReference("CUDAExecutionProvider\0"u8));

    // Null is the CPU.
    [UnmanagedCallersOnly]
    private static byte* GetCpuProvider(OrtCustomOp* op) => null;

    [UnmanagedCallersOnly]
    private static OrtElementType GetElementType(OrtCustomOp* op, nuint index) => ((Operator*)op)->Type;

    [UnmanagedCallersOnly]
    private static nuint GetCount(OrtCustomOp* op) => InputCount;

    [UnmanagedCallersOnly]
    private static int GetDefault(OrtCustomOp* op, nuint index) => 0;

    [UnmanagedCallersOnly]
    private static int GetStartVersion(OrtCustomOp* op) => 1;

    [UnmanagedCallersOnly]
    private static int GetEndVersion(OrtCustomOp* op) => int.MaxValue;

    [UnmanagedCallersOnly]
    private static nuint GetInPlace(int** inputs, int** outputs)
    {
        // One pair: output 0 may take the memory of input 0.
        *inputs = (int*)NativeMemory.AllocZeroed(1, sizeof(int));
        *outputs = (int*)NativeMemory.AllocZeroed(1, sizeof(int));
        return 1;
    }

    [UnmanagedCallersOnly]
    private static nuint GetNoAlias(int** inputs, int** outputs)
    {
        *inputs = null;
        *outputs = null;
        return 0;
    }

    [UnmanagedCallersOnly]
    private static void ReleasePairs(int* inputs, int* outputs)
    {
        NativeMemory.Free(inputs);
        NativeMemory.Free(outputs);
    }

    [UnmanagedCallersOnly]
    private static nint CreateKernel(OrtCustomOp* op, OrtApi* api, nint info, nint* kernel)
    {
        float scale = 1;
        fixed (byte* name = "alpha"u8)
        {
            OrtStatus status = api->KernelInfoGetAttributeFloat(info, name, &scale);
            if (status.IsFailed)
            {
                return status.Value;
            }
        }

        Kernel* made = (Kernel*)NativeMemory.Alloc((nuint)sizeof(Kernel));
        *made = new Kernel { Operator = (Operator*)op, Scale = scale };
        *kernel = (nint)made;
        return 0;
    }

    [UnmanagedCallersOnly]
    private static void DestroyKernel(nint kernel) => NativeMemory.Free((void*)kernel);

    // Called when a run is queued: while a context is warmed up and captured, and in every run of a model that runs without a graph.
    [UnmanagedCallersOnly]
    private static nint Compute(nint kernel, nint context)
    {
        Kernel* own = (Kernel*)kernel;
        OnnxRuntimeOperators owner = (OnnxRuntimeOperators)GCHandle.FromIntPtr(own->Operator->Owner).Target!;
        try
        {
            owner.Compute(own, context);
            return 0;
        }
        catch (Exception error)
        {
            // None may cross into native code. The runtime ends the run with these words.
            fixed (byte* message = Utf8.Terminated(error.Message))
            {
                return owner.api->CreateStatus(OrtErrorCode.Fail, message);
            }
        }
    }

    private void Compute(Kernel* kernel, nint context)
    {
        const nuint MaxRank = 16;
        long* shape = stackalloc long[(int)MaxRank];
        nint input, output, info, stream = 0;
        nuint rank, elements;
        api->KernelContextGetInput(context, 0, &input).ThrowIfFailed(api);
        api->GetTensorTypeAndShape(input, &info).ThrowIfFailed(api);
        try
        {
            api->GetDimensionsCount(info, &rank).ThrowIfFailed(api);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(rank, MaxRank);
            api->GetDimensions(info, shape, rank).ThrowIfFailed(api);
            api->GetTensorShapeElementCount(info, &elements).ThrowIfFailed(api);
        }
        finally
        {
            api->ReleaseTensorTypeAndShapeInfo(info);
        }

        api->KernelContextGetOutput(context, 0, shape, rank, &output).ThrowIfFailed(api);
        void* from;
        void* to;
        api->GetTensorMutableData(input, &from).ThrowIfFailed(api);
        api->GetTensorMutableData(output, &to).ThrowIfFailed(api);
        if (elements == 0)
        {
            return;
        }

        if (isOnCuda)
        {
            api->KernelContextGetGpuComputeStream(context, &stream).ThrowIfFailed(api);
            if ((((nuint)from | (nuint)to) & (SiluKernel.Alignment - 1)) != 0)
            {
                throw new InvalidOperationException(
                    $"The tensors of an activation lie at {(nuint)from:X} and {(nuint)to:X}, not at multiples of {SiluKernel.Alignment}.");
            }
        }

        TensorElementType type = kernel->Operator->Type == OrtElementType.Float16 ? TensorElementType.Float16 : TensorElementType.Float32;
        silu(new SiluCall(type, new SiluParameters((ulong)from, (ulong)to, elements, kernel->Scale), stream));
    }

    /// <summary>What ONNX Runtime gets, and behind it what its callbacks need.</summary>
    private struct Operator
    {
        public OrtCustomOp Native;
        public OrtElementType Type;
        public nint Owner;
    }

    private struct Kernel
    {
        public Operator* Operator;
        public float Scale;
    }
}

/// <summary>One activation to compute, on a stream where there is one.</summary>
internal readonly record struct SiluCall(TensorElementType Type, SiluParameters Parameters, nint Stream);
