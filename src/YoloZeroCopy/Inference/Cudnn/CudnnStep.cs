using YoloZeroCopy.Cuda;
using YoloZeroCopy.Interop;

namespace YoloZeroCopy;

/// <summary>A layer, bound to its tensors and its stream.</summary>
/// <param name="label">What it is, for profiles.</param>
internal abstract class CudnnStep(StepLabel label) : IDisposable
{
    public StepLabel Label => label;

    /// <summary>Queues a run. Allocates nothing.</summary>
    public abstract void Enqueue();

    /// <summary>Gives back what binds it. The plan or kernel is the engine's.</summary>
    public abstract void Dispose();
}

/// <summary>A convolution that cuDNN runs.</summary>
internal sealed class CudnnConvolutionStep(StepLabel label, CudnnPlan plan, CudnnHandle handle, CudnnDescriptor tensors) : CudnnStep(label)
{
    public override void Enqueue() => plan.Execute(handle, tensors);

    public override void Dispose() => tensors.Dispose();
}

/// <summary>A kernel of ours.</summary>
internal sealed class KernelStep(StepLabel label, CudaKernel kernel, CUstream stream, LayerLaunch launch) : CudnnStep(label)
{
    public override void Enqueue() => Enqueue(launch.Parameters);

    /// <summary>Queues a run on another input: of the stem, the device address of a batch of <see cref="KernelPicture"/>. Allocates
    /// nothing.</summary>
    public void Enqueue(ulong input) => Enqueue(launch.Parameters with { Input = input });

    public override void Dispose()
    {
    }

    private void Enqueue(in LayerParameters parameters) =>
        kernel.Launch(stream, new CudaSize(launch.Grid.X, launch.Grid.Y, launch.Grid.Z), new CudaSize(launch.Grid.Threads), parameters);
}

/// <summary>What a step is, in words.</summary>
/// <param name="Kind">Its kind: <c>convolution 3x3</c>.</param>
/// <param name="Size">Channels in and out, and the size of what it writes: <c>16 to 32 channels, 160x160</c>.</param>
internal readonly record struct StepLabel(string Kind, string Size);
