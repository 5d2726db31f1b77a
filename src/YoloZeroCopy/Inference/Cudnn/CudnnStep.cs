using YoloZeroCopy.Cuda;
using YoloZeroCopy.Interop;

namespace YoloZeroCopy;

/// <summary>A layer, bound to its tensors and its stream.</summary>
/// <param name="kind">What kind of layer it is, in words, for profiles.</param>
internal abstract class CudnnStep(string kind) : IDisposable
{
    public string Kind => kind;

    /// <summary>Queues a run. Allocates nothing.</summary>
    public abstract void Enqueue();

    /// <summary>Gives back what binds it. The plan or kernel is the engine's.</summary>
    public abstract void Dispose();
}

/// <summary>A convolution that cuDNN runs.</summary>
internal sealed class CudnnConvolutionStep(string kind, CudnnPlan plan, CudnnHandle handle, CudnnDescriptor tensors) : CudnnStep(kind)
{
    public override void Enqueue() => plan.Execute(handle, tensors);

    public override void Dispose() => tensors.Dispose();
}

/// <summary>A kernel of ours.</summary>
internal sealed class KernelStep(string kind, CudaKernel kernel, CUstream stream, LayerLaunch launch) : CudnnStep(kind)
{
    public override void Enqueue() =>
        kernel.Launch(stream, new CudaSize(launch.Grid.X, launch.Grid.Y, launch.Grid.Z), new CudaSize(launch.Grid.Threads), launch.Parameters);

    public override void Dispose()
    {
    }
}
