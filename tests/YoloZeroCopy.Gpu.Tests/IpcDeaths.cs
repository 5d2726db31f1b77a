using System.Diagnostics;
using System.Globalization;
using YoloZeroCopy.Cuda;

namespace YoloZeroCopy.Gpu.Tests;

/// <summary>
/// What CUDA does when one of two processes that share memory and an event is killed. It prints what is seen, for docs/beyond.md: there is nothing
/// that must be so. Each case is a process of its own, since it may leave CUDA unusable.
/// </summary>
internal static class IpcDeaths
{
    private const int Bytes = 1 << 30;

    // Half a second of work and more on an H200, in as many calls as the driver takes without waiting.
    private const int SlowFills = 500;
    private static readonly long SlowBytes = 4L << 30;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan CaseLimit = TimeSpan.FromSeconds(40);

    // Longer than a case, and not for ever, should nobody kill it.
    private static readonly TimeSpan Lifetime = TimeSpan.FromSeconds(60);

    public static void Print()
    {
        foreach (string name in (string[])["idle", "before", "after", "owner-idle", "owner-busy", "owner-frees"])
        {
            (int code, string output) = ChildProcess.Run($"ipc,{name}", CaseLimit);
            Console.WriteLine($"{name}: exit {code}\n  {output.Replace("\n", "\n  ", StringComparison.Ordinal)}");
        }
    }

    public static void Run(string[] words)
    {
        using CudaContext context = CudaDevice.Get(0).OpenContext();
        context.MakeCurrent();
        switch (words[1])
        {
            case "idle":
                Console.WriteLine("the process that writes is killed after its event has passed");
                KillWriter(context, isSlow: false, waitsBefore: true);
                break;
            case "before":
                Console.WriteLine("it is killed before its event has passed, and a stream of the memory's owner waits for that already");
                KillWriter(context, isSlow: true, waitsBefore: true);
                break;
            case "after":
                Console.WriteLine("it is killed before its event has passed, and a stream is told to wait for it afterwards");
                KillWriter(context, isSlow: true, waitsBefore: false);
                break;
            case "write":
                Write(context, words[2] == "slow", words[3].Split(' '));
                break;
            case "owner-idle":
                Console.WriteLine("the memory's owner is killed, and then another process writes into its mapping of it");
                KillOwner(context, isBusy: false);
                break;
            case "owner-busy":
                Console.WriteLine("the memory's owner is killed while another process writes into its mapping of it");
                KillOwner(context, isBusy: true);
                break;
            case "owner-frees":
                Console.WriteLine("the memory's owner frees it, and then another process writes into its mapping of it");
                FreeUnderWriter(context);
                break;
            default:
                Own(context);
                break;
        }
    }

    private static void KillWriter(CudaContext context, bool isSlow, bool waitsBefore)
    {
        using IpcRing ring = new(context, 1, Bytes);
        using CudaStream stream = new(context);
        using CudaStream other = new(context);
        using CudaDeviceMemory own = new(context, Bytes);
        using Process writer = Start($"ipc,write,{(isSlow ? "slow" : "quick")},{ring.Handles()}");
        string? line = writer.StandardOutput.ReadLine();
        Console.WriteLine($"writer says: {line}; event has passed: {Try(() => ring.Written[0].IsDone())}");
        if (waitsBefore)
        {
            Queue();
        }

        writer.Kill();
        writer.WaitForExit();
        long killed = Stopwatch.GetTimestamp();
        if (!waitsBefore)
        {
            Queue();
        }

        bool isThrough = SpinWait.SpinUntil(() => IsOver(stream), Patience);
        TimeSpan time = Stopwatch.GetElapsedTime(killed);
        string state = isThrough ? "through" : "still waiting";
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"stream that waits: {state} after {time.TotalMilliseconds:F1} ms"));
        Console.WriteLine($"stream: {Try(stream.IsIdle)}; event has passed: {Try(() => ring.Written[0].IsDone())}");
        Console.WriteLine($"another stream: {Try(() => Fill(other, own.Address))}; the shared memory: {Try(() => Fill(other, ring.Address))}");
        Console.WriteLine($"the event recorded anew by its owner: {Try(() => Record(ring.Written[0], other))}");

        // Freeing would wait for a stream that hangs.
        Environment.Exit(0);

        void Queue() => Console.WriteLine($"told to wait: {Try(() => WaitThenFill(stream, ring.Written[0], own.Address))}");
    }

    private static void KillOwner(CudaContext context, bool isBusy)
    {
        using Process owner = Start("ipc,own");
        string[] handles = owner.StandardOutput.ReadLine()!.Split(' ');
        CudaIpcMemory memory = new(context, Convert.FromHexString(handles[0]));
        CudaEvent written = CudaEvent.Open(context, Convert.FromHexString(handles[1]));
        using CudaStream stream = new(context);
        Console.WriteLine($"before: {Try(() => Fill(stream, memory.Address))}");
        for (int fill = 0; isBusy && fill < SlowFills; fill++)
        {
            stream.Fill(memory.Address, (byte)fill, Bytes);
        }

        owner.Kill();
        owner.WaitForExit();
        Console.WriteLine($"what was queued: {Try(() => Synchronize(stream))}");
        Console.WriteLine($"written again: {Try(() => Fill(stream, memory.Address))}; its event recorded: {Try(() => Record(written, stream))}");
        Console.WriteLine($"mapping closed: {Try(() => Close(memory))}; event closed: {Try(() => Close(written))}");
        Console.WriteLine($"memory of its own: {Try(() => Allocate(context, stream))}");
        Environment.Exit(0);
    }

    private static void FreeUnderWriter(CudaContext context)
    {
        using Process owner = Start("ipc,own");
        string[] handles = owner.StandardOutput.ReadLine()!.Split(' ');
        CudaIpcMemory memory = new(context, Convert.FromHexString(handles[0]));
        using CudaStream stream = new(context);
        Console.WriteLine($"before: {Try(() => Fill(stream, memory.Address))}");
        owner.StandardInput.WriteLine();
        Console.WriteLine($"owner says: {owner.StandardOutput.ReadLine()}");
        Console.WriteLine($"written again: {Try(() => Fill(stream, memory.Address))}");
        owner.StandardInput.WriteLine();
        Console.WriteLine($"owner says: {owner.StandardOutput.ReadLine()}");
        Console.WriteLine($"mapping closed: {Try(() => Close(memory))}; memory of its own: {Try(() => Allocate(context, stream))}");
        owner.Kill();
        Environment.Exit(0);
    }

    private static void Write(CudaContext context, bool isSlow, string[] handles)
    {
        using CudaIpcMemory memory = new(context, Convert.FromHexString(handles[0]));
        using CudaEvent written = CudaEvent.Open(context, Convert.FromHexString(handles[1]));
        using CudaStream stream = new(context);
        using CudaDeviceMemory slow = new(context, isSlow ? (nuint)SlowBytes : 1);
        stream.Fill(memory.Address, 1, Bytes);
        stream.Synchronize();
        for (int fill = 0; isSlow && fill < SlowFills; fill++)
        {
            stream.Fill(slow.Address, (byte)fill, (nuint)SlowBytes);
        }

        stream.Fill(memory.Address, 2, Bytes);
        written.Record(stream);
        if (!isSlow)
        {
            stream.Synchronize();
        }

        Console.WriteLine($"recorded, passed there: {written.IsDone()}");
        Thread.Sleep(Lifetime);
    }

    // On a first line its memory is freed and as much taken anew, on a second one it is looked whether that stayed as it was.
    private static unsafe void Own(CudaContext context)
    {
        _ = new Timer(static _ => Environment.Exit(1), null, Lifetime, Timeout.InfiniteTimeSpan);
        IpcRing ring = new(context, 1, Bytes);
        Console.WriteLine(ring.Handles());
        ulong address = ring.Address.Value;
        _ = Console.ReadLine();
        ring.Dispose();
        using CudaDeviceMemory anew = new(context, Bytes);
        using CudaStream stream = new(context);
        stream.Fill(anew.Address, 5, Bytes);
        stream.Synchronize();
        Console.WriteLine($"freed, and taken anew at {(anew.Address.Value == address ? "the same" : "another")} address");
        _ = Console.ReadLine();
        using CudaPinnedMemory host = CudaPinnedMemory.Allocate(context, Bytes);
        stream.CopyToHost(host.Pointer, anew.Address, Bytes);
        stream.Synchronize();
        bool isWhole = !new ReadOnlySpan<byte>(host.Pointer, Bytes).ContainsAnyExcept((byte)5);
        Console.WriteLine($"its new memory {(isWhole ? "is as it was" : "was overwritten")}");
        Thread.Sleep(Lifetime);
    }

    private static Process Start(string child) =>
        Process.Start(new ProcessStartInfo(Environment.ProcessPath!, ["--child", child])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        })!;

    private static string Try<T>(Func<T> action)
    {
        try
        {
            return $"{action()}";
        }
        catch (Exception error)
        {
            return $"{error.GetType().Name}: {error.Message}";
        }
    }

    private static bool IsOver(CudaStream stream)
    {
        try
        {
            return stream.IsIdle();
        }
        catch (CudaException)
        {
            return true;
        }
    }

    private static string WaitThenFill(CudaStream stream, CudaEvent passed, CUdeviceptr memory)
    {
        stream.WaitFor(passed);
        stream.Fill(memory, 1, Bytes);
        return "yes";
    }

    private static string Fill(CudaStream stream, CUdeviceptr memory)
    {
        stream.Fill(memory, 3, Bytes);
        return Synchronize(stream);
    }

    private static string Record(CudaEvent made, CudaStream stream)
    {
        made.Record(stream);
        stream.Synchronize();
        return $"passed: {made.IsDone()}";
    }

    private static string Synchronize(CudaStream stream)
    {
        stream.Synchronize();
        return "works";
    }

    private static string Allocate(CudaContext context, CudaStream stream)
    {
        using CudaDeviceMemory memory = new(context, Bytes);
        return Fill(stream, memory.Address);
    }

    private static string Close(IDisposable resource)
    {
        resource.Dispose();
        return "yes";
    }
}
