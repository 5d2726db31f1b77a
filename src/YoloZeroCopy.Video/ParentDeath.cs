using System.Collections.Concurrent;
using System.ComponentModel;
using System.Diagnostics;

namespace YoloZeroCopy;

/// <summary>Lets a child process be killed by the system when this one dies, killed or crashed as it may be.</summary>
/// <remarks>
/// Linux sends that signal when the thread dies that started the child (<c>prctl(2)</c>, PR_SET_PDEATHSIG), and threads of the pool do die. So a
/// thread of its own, which never ends, starts such children.
/// </remarks>
internal static class ParentDeath
{
    private const string SetPriv = "/usr/bin/setpriv";
    private static readonly BlockingCollection<Action> Work = [];
    private static readonly Lazy<bool> Known = new(Try);

    /// <summary>Whether the machine's setpriv can do it: that of BusyBox and those before util-linux 2.33 cannot.</summary>
    public static bool IsKnown => Known.Value;

    /// <summary>What comes before the child's own command.</summary>
    public static string[] Command => [SetPriv, "--pdeathsig", "KILL"];

    /// <summary>Runs what starts a child.</summary>
    public static T Run<T>(Func<T> start)
    {
        TaskCompletionSource<T> done = new();
        Work.Add(() =>
        {
            try
            {
                done.SetResult(start());
            }
#pragma warning disable CA1031 // It is the caller's.
            catch (Exception error)
#pragma warning restore CA1031
            {
                done.SetException(error);
            }
        });
        return done.Task.GetAwaiter().GetResult();
    }

    private static bool Try()
    {
        if (!OperatingSystem.IsLinux() || !File.Exists(SetPriv))
        {
            return false;
        }

        ProcessStartInfo info = new(SetPriv, [.. Command[1..], "true"]) { RedirectStandardError = true };
        try
        {
            using Process process = Process.Start(info)!;
            _ = process.StandardError.ReadToEnd();
            process.WaitForExit();
            if (process.ExitCode != 0)
            {
                return false;
            }
        }
        catch (Exception error) when (error is Win32Exception or IOException)
        {
            return false;
        }

        Thread thread = new(Loop) { IsBackground = true, Name = "YoloZeroCopy video processes" };
        thread.Start();
        return true;
    }

    private static void Loop()
    {
        foreach (Action action in Work.GetConsumingEnumerable())
        {
            action();
        }
    }
}
