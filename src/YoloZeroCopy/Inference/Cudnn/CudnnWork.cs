using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;
using YoloZeroCopy.Cuda;
using YoloZeroCopy.Interop;

namespace YoloZeroCopy;

/// <summary>Work with cuDNN on threads made for it, so that no context becomes current on the caller's.</summary>
internal static class CudnnWork
{
    private const string ThreadName = "YoloZeroCopy cuDNN";

    /// <summary>Works through numbers on some threads, each with a handle, and tells on the calling thread how many are done.</summary>
    /// <param name="library">cuDNN.</param>
    /// <param name="context">The device's context.</param>
    /// <param name="count">How many numbers, from 0 on.</param>
    /// <param name="work">Done for each.</param>
    /// <param name="onDone">Told how many are done; what it throws ends the work.</param>
    /// <param name="effort">What it may take: no more threads than the machine has processors either.</param>
    /// <exception cref="CudaException">The device failed.</exception>
    public static void ForEach(
        CudnnLibrary library, CudaContext context, int count, Action<CudnnHandle, int> work, Action<int> onDone, CudnnEffort effort)
    {
        int next = -1;
        bool stopped = false;
        ConcurrentQueue<Exception> failures = [];
        using SemaphoreSlim finished = new(0);
        Thread[] threads = new Thread[Math.Min(Math.Min(Environment.ProcessorCount, count), effort.MostThreads)];
        for (int number = 0; number < threads.Length; number++)
        {
            threads[number] = new Thread(Work) { IsBackground = true, Name = ThreadName };
            threads[number].Start();
        }

        try
        {
            for (int done = 1; done <= count; done++)
            {
                finished.Wait();
                if (failures.TryPeek(out Exception? failure))
                {
                    ExceptionDispatchInfo.Throw(failure);
                }

                onDone(done);
            }
        }
        finally
        {
            Volatile.Write(ref stopped, true);
            foreach (Thread thread in threads)
            {
                thread.Join();
            }
        }

        void Work()
        {
            try
            {
                if (effort.IsBehind)
                {
                    ThreadPriorities.GiveWay();
                }

                context.MakeCurrent();
                using CudnnHandle handle = new(library.Api);
                int index;
                while (!Volatile.Read(ref stopped) && (index = Interlocked.Increment(ref next)) < count)
                {
                    work(handle, index);
                    finished.Release();
                }
            }
            catch (Exception error)
            {
                failures.Enqueue(error);
                finished.Release();
            }
        }
    }

    /// <summary>Does something on a thread on which the context is current.</summary>
    public static void Run(CudaContext context, Action work) => OwnThread.Run(ThreadName, () =>
    {
        context.MakeCurrent();
        work();
    });

    /// <summary>Gives things of cuDNN back where it finds the device; on one that has faulted they are given back all the same.</summary>
    public static void Release(CudaContext context, Action release) => OwnThread.Run(ThreadName, () =>
    {
        try
        {
            context.MakeCurrent();
        }
        catch (Exception error) when (error is CudaException or ObjectDisposedException)
        {
            // The memory of the host is given back at least.
        }

        release();
    });
}
