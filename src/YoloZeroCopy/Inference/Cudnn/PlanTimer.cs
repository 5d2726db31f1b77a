using YoloZeroCopy.Cuda;
using YoloZeroCopy.Interop;

namespace YoloZeroCopy;

/// <summary>Times plans on tensors of nothing but zeros.</summary>
/// <remarks>One thread, on which the context is current.</remarks>
internal sealed class PlanTimer : IDisposable
{
    // What a graph with so many runs in a row takes is timed.
    private const int TimedRuns = 10;

    private readonly CudaStream stream;
    private readonly CudaDeviceMemory memory;
    private readonly CudaEvent start;
    private readonly CudaEvent end;
    private readonly long inputBytes;
    private readonly long weightBytes;
    private readonly long outputBytes;
    private readonly int launches;

    /// <param name="context">The device's context.</param>
    /// <param name="stream">Where plans are run.</param>
    /// <param name="shapes">What is timed.</param>
    /// <param name="workspaceBytes">Memory that their plans work in.</param>
    /// <param name="launches">How often each is timed: of that the shortest counts.</param>
    public PlanTimer(CudaContext context, CudaStream stream, ConvolutionShape[] shapes, long workspaceBytes, int launches)
    {
        this.stream = stream;
        this.launches = launches;
        inputBytes = CudaLaneMemory.Align(shapes.Max(static shape => shape.InputBytes));
        weightBytes = CudaLaneMemory.Align(shapes.Max(static shape => shape.WeightBytes));
        outputBytes = CudaLaneMemory.Align(shapes.Max(static shape => shape.OutputBytes));
        memory = new CudaDeviceMemory(context, (nuint)(inputBytes + (2 * weightBytes) + (2 * outputBytes) + workspaceBytes));
        try
        {
            stream.Fill(memory.Address, 0, memory.Bytes);
            start = new CudaEvent(context, CudaEventOptions.Timing);
            end = new CudaEvent(context, CudaEventOptions.Timing);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Milliseconds; infinite where the plan does not run.</summary>
    public float Time(CudnnHandle handle, in ConvolutionShape shape, CudnnPlan plan)
    {
        ulong input = memory.Address.Value;
        ulong weights = input + (ulong)inputBytes;
        ulong bias = weights + (ulong)weightBytes;
        ulong output = bias + (ulong)weightBytes;
        ulong added = output + (ulong)outputBytes;
        using CudnnDescriptor tensors = plan.Bind(input, weights, bias, output, shape.AddedStep == 0 ? 0 : added, added + (ulong)outputBytes);
        try
        {
            return Time(() => plan.Execute(handle, tensors));
        }
        catch (InferenceException)
        {
            return float.PositiveInfinity;
        }
    }

    public void Dispose()
    {
        end?.Dispose();
        start?.Dispose();
        memory.Dispose();
    }

    // As a graph, since that is how it will run: one by one the calls of the host would be timed.
    private float Time(Action run)
    {
        run();
        using CudaGraph graph = Captures.Capture(stream, () =>
        {
            for (int i = 0; i < TimedRuns; i++)
            {
                run();
            }
        });
        using CudaGraphExec executable = graph.Instantiate();
        float shortest = float.PositiveInfinity;
        for (int launch = 0; launch < launches; launch++)
        {
            start.Record(stream);
            executable.Launch(stream);
            end.Record(stream);
            end.Synchronize();
            shortest = Math.Min(shortest, end.ElapsedSince(start));
        }

        return shortest;
    }
}
