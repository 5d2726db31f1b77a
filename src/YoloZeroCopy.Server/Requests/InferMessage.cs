using YoloZeroCopy.Server.Protocol;

namespace YoloZeroCopy.Server;

/// <summary>A request to infer, by whichever way it came: the protocol's message, and beside it the raw bytes of its tensors, which lie in pooled
/// memory. Disposed when its frames are in their slots.</summary>
internal sealed class InferMessage : IDisposable
{
    private readonly List<IDisposable> owned = [];

    /// <summary>All but the raw contents.</summary>
    public ModelInferRequest Request { get; } = new();

    /// <summary>Raw contents, in the order of the inputs that have them.</summary>
    public List<ReadOnlyMemory<byte>> Raw { get; } = [];

    /// <summary>Whether <see cref="Raw"/> is one picture's file, without a length before it.</summary>
    public bool IsBarePicture { get; init; }

    public void Own(IDisposable part) => owned.Add(part);

    public void Dispose()
    {
        Raw.Clear();
        foreach (IDisposable part in owned)
        {
            part.Dispose();
        }

        owned.Clear();
    }
}
