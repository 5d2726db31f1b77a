namespace YoloZeroCopy.Tests;

/// <summary>Measures what is allocated in steady state, in several slices of the same work.</summary>
/// <remarks>
/// The work's own allocations show in every slice. In some, the runtime adds its own to our threads: objects for a thread that its pool starts or
/// wakes, a longer queue of work items, a delegate at first use in a method that was just compiled anew. On a busy machine those come at any time, so
/// the least of the slices counts.
/// </remarks>
internal static class AllocationSlices
{
    private const int Slices = 10;

    /// <summary>The least that one of the slices allocated, in whatever <paramref name="measure"/> returns.</summary>
    public static async Task<double> LeastAsync(Func<Task<double>> measure)
    {
        double least = double.MaxValue;
        for (int slice = 0; slice < Slices && least > 0; slice++)
        {
            least = Math.Min(least, await measure());
        }

        return least;
    }

    /// <summary>The same for work of this thread, which has run before.</summary>
    public static long LeastHere(Action work)
    {
        long least = long.MaxValue;
        for (int slice = 0; slice < Slices && least > 0; slice++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            work();
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        return least;
    }

    /// <summary>The same for work of one thread, on a thread of its own: on the test runner's, its context allocates, too.</summary>
    public static double Least(Action work)
    {
        double least = double.MaxValue;
        Exception? error = null;
        Thread thread = new(() =>
        {
            try
            {
                work();
                least = LeastHere(work);
            }
            catch (Exception caught)
            {
                error = caught;
            }
        });
        thread.Start();
        thread.Join();
        Assert.Null(error);
        return least;
    }
}
