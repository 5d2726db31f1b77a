using System.Threading.Channels;

namespace MultiCamera.Outlets;

/// <summary>Wakes a loop: what is set before the loop waits is not lost, and set twice it wakes once. Any thread sets, one waits.</summary>
internal sealed class Signal
{
    private readonly Channel<bool> channel = Channel.CreateBounded<bool>(1);

    public void Set() => _ = channel.Writer.TryWrite(true);

    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public async Task WaitAsync(CancellationToken cancellationToken) => _ = await channel.Reader.ReadAsync(cancellationToken);

    /// <summary>Waits until it is set or a time has passed.</summary>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public async Task WaitAsync(TimeSpan limit, TimeProvider clock, CancellationToken cancellationToken)
    {
        using CancellationTokenSource time = new(limit, clock);
        using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(time.Token, cancellationToken);
        try
        {
            _ = await channel.Reader.ReadAsync(either.Token);
        }
        catch (OperationCanceledException) when (time.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            // The time has passed.
        }
    }
}
