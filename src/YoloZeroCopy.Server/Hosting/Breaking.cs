namespace YoloZeroCopy.Server;

/// <summary>Says to what is open that the server ends: first that no more is begun, then that nothing is waited for any more.</summary>
internal sealed class Breaking : IDisposable
{
    private readonly CancellationTokenSource drain = new();
    private readonly CancellationTokenSource end = new();

    /// <summary>Cancelled when the server begins to end: streams take no more frames.</summary>
    public CancellationToken Draining => drain.Token;

    /// <summary>Cancelled when what is still open is broken off.</summary>
    public CancellationToken Token => end.Token;

    public Task DrainAsync() => drain.CancelAsync();

    public Task BreakAsync() => end.CancelAsync();

    public void Dispose()
    {
        drain.Dispose();
        end.Dispose();
    }
}
