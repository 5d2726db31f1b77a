namespace YoloZeroCopy;

/// <summary>One who waits for something to change in a source, again and again, without allocating. Guarded by the source's gate.</summary>
internal sealed class SourceWaiter : PooledValueTaskSource<bool>
{
    private bool isArmed;

    /// <exception cref="InvalidOperationException">Somebody waits already.</exception>
    public ValueTask<bool> Arm()
    {
        if (isArmed)
        {
            throw new InvalidOperationException("The source's producer waits for room already; one thread at a time may.");
        }

        isArmed = true;
        return new ValueTask<bool>(this, Version);
    }

    /// <summary>Lets who waits look again, on a thread of the pool.</summary>
    public void Wake()
    {
        if (isArmed)
        {
            isArmed = false;
            SetResult(true);
        }
    }

    protected override void OnTaken(bool succeeded) => Reset();
}
