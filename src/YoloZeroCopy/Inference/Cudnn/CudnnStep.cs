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
    public override void Enqueue() =>
        kernel.Launch(stream, new CudaSize(launch.Grid.X, launch.Grid.Y, launch.Grid.Z), new CudaSize(launch.Grid.Threads), launch.Parameters);

    public override void Dispose()
    {
    }
}

/// <summary>The first step, and preprocessing with it: <see cref="LayerKernels.Stem"/>.</summary>
/// <param name="label">The step whose place it takes.</param>
/// <param name="launch">The launch, without pictures.</param>
/// <param name="kernels">Where its kernel comes from.</param>
/// <param name="stream">The stream.</param>
internal sealed class StemStep(StepLabel label, LayerLaunch launch, KernelSet kernels, CUstream stream)
{
    private readonly CudaKernel kernel = kernels.Get(launch.Kernel);

    public StepLabel Label => label with { Kind = "stem" };

    /// <summary>Queues a run on pictures: the device address of a batch of <see cref="KernelPicture"/>. Allocates nothing.</summary>
    public void Enqueue(ulong pictures) => kernel.Launch(
        stream, new CudaSize(launch.Grid.X, launch.Grid.Y, launch.Grid.Z), new CudaSize(launch.Grid.Threads), launch.Parameters with { Input = pictures });
}

/// <summary>What a step is, in words.</summary>
/// <param name="Kind">Its kind: <c>convolution 3x3</c>.</param>
/// <param name="Size">Channels in and out, and the size of what it writes: <c>16 to 32 channels, 160x160</c>.</param>
internal readonly record struct StepLabel(string Kind, string Size);
