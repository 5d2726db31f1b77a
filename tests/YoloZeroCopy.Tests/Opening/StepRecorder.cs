using System.Collections.Concurrent;

namespace YoloZeroCopy.Tests;

/// <summary>
/// Writes down the steps of an opening, and does something at one of them. Called where the opening is, unlike <see cref="Progress{T}"/>.
/// </summary>
internal sealed class StepRecorder(int actAt = -1, Action? act = null) : IProgress<OpeningProgress>
{
    private readonly ConcurrentQueue<OpeningProgress> steps = new();

    public OpeningProgress[] Steps => [.. steps];

    public int? ThreadId { get; private set; }

    public void Report(OpeningProgress value)
    {
        ThreadId ??= Environment.CurrentManagedThreadId;
        steps.Enqueue(value);
        if (steps.Count == actAt)
        {
            act!();
        }
    }
}
