using YoloZeroCopy.Cuda;

namespace YoloZeroCopy.Cli;

/// <summary>What of a lane the engine needs: a stream, tensors, a context and, where the engine can be captured, its runs as a graph. On one thread,
/// the device's.</summary>
internal sealed unsafe class EngineLane : IDisposable
{
    private readonly CudaGraphExec? graph;
    private readonly List<IDisposable> made = [];

    public EngineLane(CudaContext cuda, InferenceEngine engine, int batch, bool useGraph = true)
    {
        try
        {
            int inputBytes = engine.InputBytes;
            Stream = Keep(new CudaStream(cuda));
            CudaDeviceMemory input = Keep(new CudaDeviceMemory(cuda, (nuint)batch * (nuint)inputBytes));
            CudaDeviceMemory output = Keep(new CudaDeviceMemory(cuda, (nuint)batch * (nuint)engine.OutputBytes));
            Input = input.Address;
            Output = output.Address;
            Fill(engine.InputLayout == InputLayout.ChannelsLast4 ? TensorElementType.Float16 : engine.Model.InputType, inputBytes, batch);
            Stream.Fill(Output, 0, output.Bytes);
            Context = Keep(engine.CreateContext(batch, (nint)Input.Value, (nint)Output.Value, Stream.Handle.Value));
            graph = useGraph && Context.CanCapture ? Keep(Capture()) : null;
            Launch();
            Stream.Synchronize();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public CudaStream Stream { get; }

    public EngineContext Context { get; }

    public CUdeviceptr Input { get; }

    public CUdeviceptr Output { get; }

    /// <summary>Queues a run.</summary>
    public void Launch()
    {
        if (graph is null)
        {
            Context.Enqueue();
        }
        else
        {
            graph.Launch(Stream);
        }
    }

    public void Dispose()
    {
        // Backwards: the graph before the context whose kernels it holds, the memory and the stream last.
        for (int index = made.Count - 1; index >= 0; index--)
        {
            made[index].Dispose();
        }

        made.Clear();
    }

    private T Keep<T>(T part)
        where T : IDisposable
    {
        made.Add(part);
        return part;
    }

    private CudaGraphExec Capture()
    {
        // The first run may load kernels and take memory, which no capture allows.
        Context.Enqueue();
        Stream.Synchronize();
        using CudaGraph captured = Captures.Capture(Stream, Context.Enqueue);
        return captured.Instantiate();
    }

    private void Fill(TensorElementType type, int inputBytes, int batch)
    {
        byte[] picture = NoisePicture.Make(type, inputBytes);
        fixed (byte* source = picture)
        {
            for (int index = 0; index < batch; index++)
            {
                Stream.CopyToDevice(new CUdeviceptr(Input.Value + ((ulong)index * (ulong)inputBytes)), source, (nuint)inputBytes);
            }

            Stream.Synchronize();
        }
    }
}
