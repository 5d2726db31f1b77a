using System.Diagnostics;

namespace YoloZeroCopy;

/// <summary>
/// Tells the user of a detector what is wrong and throws no exception: <see cref="DetectorOptions.Warning"/>, else <see cref="Trace"/>. Any thread.
/// </summary>
/// <remarks>
/// The listener is foreign code, and so are exceptions of others, which may throw as they are printed: both run on a thread of the pool, never under
/// a lock, and what they throw is ignored.
/// </remarks>
internal sealed class Warnings(Action<string>? listener)
{
    private readonly Action<string> listener = listener ?? (static message => Trace.TraceWarning(message));

    /// <param name="message">What is wrong.</param>
    /// <param name="thrown">What code of others threw, to be printed behind the message; null for nothing.</param>
    public void Say(string message, Exception? thrown = null) => ThreadPool.UnsafeQueueUserWorkItem(
        static said =>
        {
            try
            {
                said.Listener(said.Thrown is null ? said.Message : $"{said.Message} {Print(said.Thrown)}");
            }
            catch (Exception)
            {
                // There is nobody left to tell.
            }
        },
        (Listener: listener, Message: message, Thrown: thrown),
        preferLocal: false);

    /// <summary>Says what code of others threw, the first time only.</summary>
    /// <param name="said">0 before the first time; one for each kind of such code.</param>
    /// <param name="what">What happened.</param>
    /// <param name="thrown">What was thrown.</param>
    public void SayOnce(ref int said, string what, Exception thrown)
    {
        if (Interlocked.Exchange(ref said, 1) == 0)
        {
            Say($"{what}; further cases are not reported.", thrown);
        }
    }

    private static string Print(Exception thrown)
    {
        try
        {
            return thrown.ToString();
        }
        catch (Exception)
        {
            return thrown.GetType().ToString();
        }
    }
}
