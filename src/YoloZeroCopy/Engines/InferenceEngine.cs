namespace YoloZeroCopy;

/// <summary>A loaded model on one device. Thread-safe: several lanes share one engine; each has contexts of its own.</summary>
internal abstract class InferenceEngine : IDisposable
{
    /// <summary>What the model is, with every shape resolved for the input size the engine was opened for.</summary>
    public abstract ModelInfo Model { get; }

    /// <summary>Name and version of the runtime and where it came from, for reports.</summary>
    public abstract string Description { get; }

    /// <summary>Makes a context for one batch size, bound for good to the given tensors, and runs it once so that later runs allocate nothing.</summary>
    /// <param name="batch">Pictures per run; <see cref="ModelInfo.FixedBatch"/> where that is not 0.</param>
    /// <param name="input">Address of the input tensor, <c>[batch, 3, height, width]</c>; the caller owns it and keeps it alive.</param>
    /// <param name="output">Address of the output tensor, <c>[batch, rows, columns]</c>; likewise.</param>
    public abstract EngineContext CreateContext(int batch, nint input, nint output);

    public abstract void Dispose();
}

/// <summary>One batch size of an engine, bound to its tensors. Used by one thread at a time.</summary>
internal abstract class EngineContext : IDisposable
{
    /// <summary>Runs the model on the bound tensors: at once on the CPU, in order on <paramref name="stream"/> on a GPU.</summary>
    /// <exception cref="InferenceException">The engine failed; the message is the runtime's own.</exception>
    public abstract void Enqueue(nint stream);

    public abstract void Dispose();
}
