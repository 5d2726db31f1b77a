using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using YoloZeroCopy.Cuda.Interop;

namespace YoloZeroCopy.Cuda;

/// <summary>Size of a grid in blocks, or of a block in threads.</summary>
/// <param name="X">Size in x.</param>
/// <param name="Y">Size in y.</param>
/// <param name="Z">Size in z.</param>
public readonly record struct CudaSize(int X, int Y = 1, int Z = 1);

/// <summary>Attribute of a kernel; values are those of the driver.</summary>
public enum CudaKernelAttribute
{
    /// <summary>Most threads in a block for this kernel.</summary>
    MaxThreadsPerBlock = 0,

    /// <summary>Shared memory in bytes that the code declares with a fixed size.</summary>
    SharedBytes = 1,

    /// <summary>Constant memory in bytes.</summary>
    ConstantBytes = 2,

    /// <summary>Local memory in bytes of a thread: more than a little means that registers spilled.</summary>
    LocalBytes = 3,

    /// <summary>Registers of a thread.</summary>
    Registers = 4,

    /// <summary>PTX version it was compiled from, as 10 x major + minor.</summary>
    PtxVersion = 5,

    /// <summary>Compute capability it was compiled for, as 10 x major + minor.</summary>
    BinaryVersion = 6,

    /// <summary>Most shared memory in bytes that a launch may ask for. Can be set.</summary>
    MaxDynamicSharedBytes = 8,

    /// <summary>Part of the L1 cache, in percent, that is wanted as shared memory; -1 is the driver's choice. Can be set.</summary>
    PreferredSharedCarveout = 9,
}

/// <summary>A kernel of a module. Owns nothing, and is valid as long as its module.</summary>
/// <remarks>
/// <c>Launch</c> queues and returns, allocates nothing, and needs the context current on the thread. Arguments are copied before it returns.
/// Launches from several threads at once are fine.
/// </remarks>
public sealed unsafe class CudaKernel
{
    private const int NotKnown = -1;
    private const int SeveralParameters = -2;

    private readonly CudaModule module;
    private readonly CUfunction function;

    /// <summary>Size of the one parameter in bytes, 0 for a kernel without any, or one of the two values below.</summary>
    private readonly int parameterBytes;

    internal CudaKernel(CudaModule module, string name, CUfunction function)
    {
        this.module = module;
        this.function = function;
        Name = name;
        // Asking for an attribute also makes a lazily loading driver load the code now.
        _ = GetAttribute(CudaKernelAttribute.MaxThreadsPerBlock);
        parameterBytes = ReadParameterBytes();
    }

    /// <summary>Name in the module.</summary>
    public string Name { get; }

    private DriverApi Api => module.Api;

    /// <summary>Queues a launch of a kernel whose one parameter is a struct by value.</summary>
    /// <typeparam name="T">The struct, laid out as the kernel's.</typeparam>
    /// <param name="stream">Stream of the same context.</param>
    /// <param name="grid">Blocks.</param>
    /// <param name="block">Threads in a block.</param>
    /// <param name="argument">Value of the parameter; copied before the call returns.</param>
    /// <param name="sharedBytes">Dynamic shared memory of a block; above 48 KB only after <see cref="SetAttribute"/> allowed it.</param>
    /// <exception cref="ArgumentException">The kernel takes no struct of this length, or several parameters (known from CUDA 12.4 on).</exception>
    /// <exception cref="CudaException">The driver refused, or earlier work failed.</exception>
    /// <exception cref="ObjectDisposedException">The module or the stream is disposed or its context was reset.</exception>
    public void Launch<T>(CudaStream stream, CudaSize grid, CudaSize block, in T argument, int sharedBytes = 0)
        where T : unmanaged
    {
        ArgumentNullException.ThrowIfNull(stream);
        Launch(stream.Handle, grid, block, argument, sharedBytes);
        GC.KeepAlive(stream);
    }

    /// <summary>Queues a launch of a kernel whose one parameter is a struct by value, on a stream of another library.</summary>
    /// <typeparam name="T">The struct, laid out as the kernel's.</typeparam>
    /// <param name="stream">Live stream of the same context.</param>
    /// <param name="grid">Blocks.</param>
    /// <param name="block">Threads in a block.</param>
    /// <param name="argument">Value of the parameter; copied before the call returns.</param>
    /// <param name="sharedBytes">Dynamic shared memory of a block; above 48 KB only after <see cref="SetAttribute"/> allowed it.</param>
    /// <exception cref="ArgumentException">The kernel takes no struct of this length, or several parameters (known from CUDA 12.4 on).</exception>
    /// <exception cref="CudaException">The driver refused, or earlier work failed.</exception>
    /// <exception cref="ObjectDisposedException">The module is disposed or its context was reset.</exception>
    public void Launch<T>(CUstream stream, CudaSize grid, CudaSize block, in T argument, int sharedBytes = 0)
        where T : unmanaged
    {
        // The driver reads as many bytes as the kernel declares, wherever the struct ends.
        if (parameterBytes != sizeof(T) && parameterBytes != NotKnown)
        {
            ThrowWrongSize(sizeof(T));
        }

        fixed (T* value = &argument)
        {
            void* pointer = value;
            Launch(stream, grid, block, &pointer, sharedBytes);
        }
    }

    /// <summary>Queues a launch of a kernel with any number of parameters.</summary>
    /// <param name="stream">Stream of the same context.</param>
    /// <param name="grid">Blocks.</param>
    /// <param name="block">Threads in a block.</param>
    /// <param name="arguments">Address of the value of each parameter, in order; at least as many as the kernel has. Read before the call
    /// returns.</param>
    /// <param name="sharedBytes">Dynamic shared memory of a block; above 48 KB only after <see cref="SetAttribute"/> allowed it.</param>
    /// <exception cref="CudaException">The driver refused, or earlier work failed.</exception>
    /// <exception cref="ObjectDisposedException">The module or the stream is disposed or its context was reset.</exception>
    public void Launch(CudaStream stream, CudaSize grid, CudaSize block, ReadOnlySpan<nint> arguments, int sharedBytes = 0)
    {
        ArgumentNullException.ThrowIfNull(stream);
        fixed (nint* pointers = arguments)
        {
            Launch(stream.Handle, grid, block, (void**)pointers, sharedBytes);
        }

        GC.KeepAlive(stream);
    }

    /// <summary>Reads an attribute. Any thread.</summary>
    /// <param name="attribute">What to read.</param>
    /// <exception cref="CudaException">The driver refused.</exception>
    /// <exception cref="ObjectDisposedException">The module is disposed or its context was reset.</exception>
    public int GetAttribute(CudaKernelAttribute attribute)
    {
        using ContextBinding binding = BindLive();
        int value;
        module.Context.ThrowIfFailed(Api.cuFuncGetAttribute(&value, attribute, function), "reading an attribute of a kernel");
        return value;
    }

    /// <summary>Sets an attribute, for every later launch. Any thread, but not while the kernel is being launched.</summary>
    /// <param name="attribute">One of those that can be set.</param>
    /// <param name="value">New value.</param>
    /// <exception cref="CudaException">The attribute cannot be set, or the device cannot do it.</exception>
    /// <exception cref="ObjectDisposedException">The module is disposed or its context was reset.</exception>
    public void SetAttribute(CudaKernelAttribute attribute, int value)
    {
        using ContextBinding binding = BindLive();
        module.Context.ThrowIfFailed(Api.cuFuncSetAttribute(function, attribute, value), "setting an attribute of a kernel");
    }

    /// <inheritdoc/>
    public override string ToString() => Name;

    private void Launch(CUstream stream, CudaSize grid, CudaSize block, void** arguments, int sharedBytes)
    {
        // A closed module's function handle may be another's by now. Sizes below 1 become huge, and the driver refuses them.
        _ = module.Handle;
        CUresult status = Api.cuLaunchKernel(
            function,
            (uint)grid.X,
            (uint)grid.Y,
            (uint)grid.Z,
            (uint)block.X,
            (uint)block.Y,
            (uint)block.Z,
            (uint)sharedBytes,
            stream,
            arguments,
            null);
        if (status != CUresult.CUDA_SUCCESS)
        {
            ThrowLaunch(status, grid, block, sharedBytes);
        }

        GC.KeepAlive(module);
    }

    private ContextBinding BindLive()
    {
        _ = module.Handle;
        return module.Context.Bind();
    }

    /// <summary>Drivers before CUDA 12.4 cannot tell. A parameter that is not there is answered with an invalid value.</summary>
    private int ReadParameterBytes()
    {
        if (Api.cuFuncGetParamInfo == null)
        {
            return NotKnown;
        }

        using ContextBinding binding = BindLive();
        nuint offset, bytes, ignored;
        CUresult first = Api.cuFuncGetParamInfo(function, 0, &offset, &bytes);
        CUresult second = Api.cuFuncGetParamInfo(function, 1, &offset, &ignored);
        return second == CUresult.CUDA_SUCCESS ? SeveralParameters
            : first == CUresult.CUDA_SUCCESS ? (int)bytes
            : first == CUresult.CUDA_ERROR_INVALID_VALUE ? 0
            : NotKnown;
    }

    [DoesNotReturn]
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void ThrowWrongSize(int given) => throw new ArgumentException(
        parameterBytes == SeveralParameters
            ? $"The kernel '{Name}' takes more than one parameter; give the address of each."
            : $"The kernel '{Name}' takes a parameter of {parameterBytes} bytes; given is a struct of {given} bytes.");

    [DoesNotReturn]
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void ThrowLaunch(CUresult status, CudaSize grid, CudaSize block, int sharedBytes) => module.Context.Throw(
        status,
        $"launching the kernel '{Name}' with {grid.X} x {grid.Y} x {grid.Z} blocks of {block.X} x {block.Y} x {block.Z} threads"
        + $" and {sharedBytes} bytes of shared memory",
        nameof(DriverApi.cuLaunchKernel));
}
