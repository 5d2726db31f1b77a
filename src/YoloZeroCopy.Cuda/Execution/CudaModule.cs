using System.Runtime.InteropServices;
using System.Text;
using YoloZeroCopy.Cuda.Interop;

namespace YoloZeroCopy.Cuda;

/// <summary>Device code, compiled by the driver from PTX text (or loaded from a binary for one kind of GPU).</summary>
/// <remarks>
/// Any thread. Dispose unloads the code: nothing of it may be running or queued, and every graph that holds one of its kernels must be disposed
/// before.
/// </remarks>
public sealed unsafe class CudaModule : CudaHandle
{
    private const int LogBytes = 16 * 1024;

    /// <summary>Compiles and loads. Blocks for milliseconds to seconds the first time; the driver keeps compiled PTX in a cache on disk.</summary>
    /// <param name="context">Context to load into.</param>
    /// <param name="image">PTX text, with or without a closing NUL, or a cubin or fatbin. Copied where a NUL is missing; not needed after the
    /// call.</param>
    /// <exception cref="ArgumentException">The image is empty.</exception>
    /// <exception cref="CudaPtxException">The driver does not compile it; the exception holds the compiler's log.</exception>
    /// <exception cref="CudaException">The driver refused for another reason.</exception>
    /// <exception cref="ObjectDisposedException">The context is disposed or was reset.</exception>
    public CudaModule(CudaContext context, ReadOnlySpan<byte> image)
        : base(context)
    {
        if (image.IsEmpty)
        {
            throw new ArgumentException("The module image is empty; PTX text or a device binary is wanted.", nameof(image));
        }

        using ContextBinding binding = context.Bind();
        // PTX is read up to its NUL, binaries by their own length: a closing NUL harms neither.
        byte* copy = image[^1] == 0 ? null : (byte*)NativeMemory.Alloc((nuint)image.Length + 1);
        byte* logs = null;
        try
        {
            logs = (byte*)NativeMemory.AllocZeroed(2 * LogBytes);
            if (copy != null)
            {
                image.CopyTo(new Span<byte>(copy, image.Length));
                copy[image.Length] = 0;
            }

            fixed (byte* given = image)
            {
                Load(copy == null ? given : copy, image, logs, logs + LogBytes);
            }
        }
        finally
        {
            NativeMemory.Free(logs);
            NativeMemory.Free(copy);
        }
    }

    /// <summary>What the compiler had to say about code that it accepted; mostly empty.</summary>
    public string Log { get; private set; } = "";

    internal CUmodule Handle => new(Live);

    /// <summary>Finds a kernel and has its code loaded, so that the first launch does not wait and can be captured.</summary>
    /// <param name="name">Name of the <c>.entry</c> in the PTX: the C name of an <c>extern "C"</c> kernel.</param>
    /// <returns>The kernel, valid until this module is disposed.</returns>
    /// <exception cref="CudaException">There is no such kernel (<see cref="CUresult.CUDA_ERROR_NOT_FOUND"/>), or its code cannot be
    /// loaded.</exception>
    /// <exception cref="ObjectDisposedException">The module is disposed or its context was reset.</exception>
    public CudaKernel GetKernel(string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        byte[] text = new byte[Encoding.UTF8.GetMaxByteCount(name.Length) + 1];
        _ = Encoding.UTF8.GetBytes(name, text);
        using ContextBinding binding = Context.Bind();
        CUfunction function;
        fixed (byte* pointer = text)
        {
            CUresult status = Api.cuModuleGetFunction(&function, Handle, pointer);
            if (status != CUresult.CUDA_SUCCESS)
            {
                Context.Throw(status, $"finding the kernel '{name}'", nameof(DriverApi.cuModuleGetFunction));
            }
        }

        return new CudaKernel(this, name, function);
    }

    private protected override CUresult Destroy(nint native) => Api.cuModuleUnload(new CUmodule(native));

    private void Load(byte* terminated, ReadOnlySpan<byte> image, byte* infoLog, byte* errorLog)
    {
        CUjit_option* options = stackalloc CUjit_option[4]
        {
            CUjit_option.CU_JIT_INFO_LOG_BUFFER,
            CUjit_option.CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES,
            CUjit_option.CU_JIT_ERROR_LOG_BUFFER,
            CUjit_option.CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES,
        };
        // A size is passed in the place of its pointer, and comes back there.
        void** values = stackalloc void*[4] { infoLog, (void*)LogBytes, errorLog, (void*)LogBytes };
        CUmodule module;
        CUresult status = Api.cuModuleLoadDataEx(&module, terminated, 4, options, values);
        if (status != CUresult.CUDA_SUCCESS)
        {
            Context.NoteFault(status);
            throw CudaPtxException.Create(Api, status, image, ReadLog(errorLog));
        }

        Own(module.Value);
        Log = ReadLog(infoLog);
    }

    /// <summary>The log up to its first NUL: what lies behind it is not text.</summary>
    private static string ReadLog(byte* log)
    {
        ReadOnlySpan<byte> bytes = new(log, LogBytes);
        int end = bytes.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? bytes : bytes[..end]).Trim();
    }
}
