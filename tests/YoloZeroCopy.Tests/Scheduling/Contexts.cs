namespace YoloZeroCopy.Tests;

/// <summary>Begins something as code on a synchronisation context does, as a window's handler for one.</summary>
internal static class Contexts
{
    public static T Run<T>(SynchronizationContext context, Func<T> begin)
    {
        SynchronizationContext? before = SynchronizationContext.Current;
        try
        {
            SynchronizationContext.SetSynchronizationContext(context);
            return begin();
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(before);
        }
    }
}
