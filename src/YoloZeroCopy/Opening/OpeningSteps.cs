namespace YoloZeroCopy;

/// <summary>Tells the caller of an opening how far it is, and lets him end it between two parts of a step.</summary>
/// <remarks>
/// One thread at a time: the one that opens, and the dispatcher while that waits for it. What is thrown here, the caller's own exceptions among them,
/// ends the opening like any other error,
/// so none of these is called once the detector is complete.
/// </remarks>
internal sealed class OpeningSteps(IProgress<OpeningProgress>? progress, CancellationToken cancellationToken)
{
    private OpeningProgress current;

    /// <summary>Begins a step of so many parts.</summary>
    /// <exception cref="OperationCanceledException">The caller cancelled.</exception>
    public void Begin(OpeningStep step, int total = 1) => Report(new OpeningProgress(step, 0, total));

    /// <summary>Ends a part of the step.</summary>
    /// <exception cref="OperationCanceledException">The caller cancelled.</exception>
    public void Advance() => Report(current with { Done = current.Done + 1 });

    /// <summary>The same for threads beside the one that opens: they tell nothing, and end when the caller cancels.</summary>
    public OpeningSteps WithoutProgress() => new(progress: null, cancellationToken);

    private void Report(OpeningProgress next)
    {
        current = next;
        cancellationToken.ThrowIfCancellationRequested();
        progress?.Report(next);
        cancellationToken.ThrowIfCancellationRequested();
    }
}
