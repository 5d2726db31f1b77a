using System.Runtime.InteropServices;

namespace YoloZeroCopy.Cuda.Tests;

/// <summary>A piece of work that uses every kind of object and nearly every function once, for tests that let one of them fail.</summary>
internal static unsafe class Scenario
{
    /// <summary>Functions that release: their failure is counted and does not throw.</summary>
    public static readonly string[] Releases =
    [
        "cuDevicePrimaryCtxRelease_v2", "cuStreamDestroy_v2", "cuEventDestroy_v2", "cuMemFree_v2", "cuMemFreeHost", "cuMemHostUnregister",
        "cuMemFreeAsync", "cuMemPoolDestroy", "cuModuleUnload", "cuGraphDestroy", "cuGraphExecDestroy", "cuIpcCloseMemHandle",
    ];

    /// <summary>Functions that make, ask and queue: their failure is an exception.</summary>
    public static readonly string[] Work =
    [
        "cuDeviceGet", "cuDeviceGetName", "cuDeviceGetUuid_v2", "cuDeviceTotalMem_v2", "cuDeviceGetPCIBusId", "cuDeviceGetAttribute",
        "cuDevicePrimaryCtxRetain", "cuDevicePrimaryCtxSetFlags_v2", "cuDevicePrimaryCtxGetState", "cuCtxSetCurrent", "cuCtxGetCurrent",
        "cuCtxGetStreamPriorityRange", "cuStreamCreateWithPriority", "cuStreamWaitEvent", "cuStreamQuery", "cuStreamSynchronize",
        "cuStreamBeginCapture_v2", "cuStreamEndCapture", "cuStreamIsCapturing", "cuEventCreate", "cuEventRecord", "cuEventQuery",
        "cuEventSynchronize", "cuEventElapsedTime", "cuMemGetInfo_v2", "cuMemAlloc_v2", "cuMemHostAlloc", "cuMemHostRegister_v2",
        "cuMemHostGetDevicePointer_v2", "cuMemAllocAsync", "cuMemAllocFromPoolAsync", "cuMemPoolCreate", "cuMemPoolSetAttribute",
        "cuMemPoolGetAttribute", "cuMemPoolTrimTo", "cuMemcpyHtoDAsync_v2", "cuMemcpyDtoHAsync_v2", "cuMemcpyDtoDAsync_v2",
        "cuMemsetD8Async", "cuPointerGetAttributes", "cuIpcGetMemHandle",
        "cuIpcOpenMemHandle_v2", "cuIpcGetEventHandle", "cuIpcOpenEventHandle", "cuModuleLoadDataEx", "cuModuleGetFunction",
        "cuFuncGetAttribute", "cuFuncSetAttribute", "cuLaunchKernel", "cuGraphGetNodes",
        "cuGraphInstantiateWithFlags", "cuGraphLaunch",
    ];

    public static void Run(DriverDouble driver)
    {
        CudaDevice device = driver.Device;
        _ = device.ComputeCapability;
        using CudaContext context = device.OpenContext(CudaSchedule.BlockingSync);
        context.MakeCurrent();
        _ = context.IsCurrent;
        _ = context.GetMemoryInfo();
        using CudaStream stream = new(context, context.GetStreamPriorityRange().Greatest);
        using CudaEvent start = new(context, CudaEventOptions.Timing);
        using CudaEvent end = new(context, CudaEventOptions.Timing | CudaEventOptions.BlockingSync);
        using CudaEvent shared = new(context, CudaEventOptions.Interprocess);
        using CudaPinnedMemory pinned = CudaPinnedMemory.Allocate(context, 4096);
        void* own = NativeMemory.AlignedAlloc(4096, 4096);
        try
        {
            using CudaPinnedMemory registered = CudaPinnedMemory.Register(context, own, 4096, CudaPinnedOptions.ReadOnly);
            using CudaDeviceMemory memory = new(context, 4096);
            using CudaMemoryPool pool = new(context);
            using CudaDeviceMemory pooled = pool.AllocateOn(stream, 4096);
            using CudaDeviceMemory onStream = CudaDeviceMemory.AllocateOn(stream, 4096);
            _ = pool.UsedBytes;
            pool.Trim();
            _ = context.GetPointerInfo(pinned.DeviceAddress.Value);
            start.Record(stream);
            stream.CopyToDevice(memory.Address, pinned.Pointer, 4096);
            stream.CopyOnDevice(pooled.Address, memory.Address, 4096);
            stream.CopyToDevice(memory.Address, registered.Pointer, 4096);
            stream.Fill(onStream.Address, 7, 4096);
            stream.CopyToHost(pinned.Pointer, pooled.Address, 4096);
            end.Record(stream);
            stream.WaitFor(end);
            _ = end.IsDone();
            end.Synchronize();
            _ = end.ElapsedSince(start);
            using CudaModule module = new(context, Ptx.Bytes);
            CudaKernel kernel = module.GetKernel("add_index");
            kernel.SetAttribute(CudaKernelAttribute.MaxDynamicSharedBytes, 1024);
            stream.BeginCapture();
            kernel.Launch(stream, new CudaSize(1), new CudaSize(32), new AddIndex { Words = memory.Address, Count = 32 });
            Assert.Equal(CudaCaptureStatus.Active, stream.CaptureStatus);
            using CudaGraph graph = stream.EndCapture();
            Assert.Equal(1, graph.NodeCount);
            using CudaGraphExec exec = graph.Instantiate();
            exec.Launch(stream);
            byte[] handle = new byte[CudaIpc.HandleBytes];
            memory.GetIpcHandle(handle);
            using CudaIpcMemory opened = new(context, handle);
            shared.GetIpcHandle(handle);
            using CudaEvent openedEvent = CudaEvent.Open(context, handle);
            _ = stream.IsIdle();
            stream.Synchronize();
        }
        finally
        {
            NativeMemory.AlignedFree(own);
        }
    }
}
