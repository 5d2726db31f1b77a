using System.Diagnostics;

namespace YoloZeroCopy;

/// <summary>
/// Tells the user of a detector what is wrong and throws no exception: <see cref="DetectorOptions.Warning"/>, else <see cref="Trace"/>. Any thread.
/// </summary>
/// <remarks>The listener is foreign code: it is called on a thread of the pool, never under a lock, and what it throws is ignored.</remarks>
internal sealed class Warnings(Action<string>? listener)
{
    private readonly Action<string> listener = listener ?? (static message => Trace.TraceWarning(message));

    public void Say(string message) => ThreadPool.UnsafeQueueUserWorkItem(
        static said =>
        {
            try
            {
                said.Listener(said.Message);
            }
            catch (Exception)
            {
                // There is nobody left to tell.
            }
        },
        (Listener: listener, Message: message),
        preferLocal: false);
}
