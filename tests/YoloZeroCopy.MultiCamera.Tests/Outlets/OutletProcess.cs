using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;
using MultiCamera.Alarms;
using MultiCamera.Outlets;

namespace MultiCamera.Tests.Outlets;

/// <summary>An outlet in a process of its own, which is killed. It raises alarms without end and prints the id of each that is safe.</summary>
internal sealed class OutletProcess : IDisposable
{
    public const string Option = "--outlet";

    private readonly Process process;

    public OutletProcess(params string[] arguments)
    {
        string program = Path.Combine(AppContext.BaseDirectory, "YoloZeroCopy.MultiCamera.Tests");
        process = Process.Start(new ProcessStartInfo(program, [Option, .. arguments]) { RedirectStandardOutput = true })!;
        process.OutputDataReceived += (_, line) =>
        {
            // Written at once, so that a kill never leaves half a line; but for the very last one, which is left out then.
            if (line.Data is { Length: 32 } id)
            {
                Safe.Enqueue(id);
            }
        };
        process.BeginOutputReadLine();
    }

    /// <summary>Ids of the alarms that were safe.</summary>
    public ConcurrentQueue<string> Safe { get; } = [];

    public void Kill()
    {
        process.Kill();
        // Also waits until all that it has printed was read.
        process.WaitForExit();
    }

    public void Dispose()
    {
        if (!process.HasExited)
        {
            Kill();
        }

        process.Dispose();
    }

    /// <summary>What the process does.</summary>
    public static async Task RunAsync(string[] arguments)
    {
        IAlarmOutlet outlet = arguments switch
        {
            ["mqtt", string port, string file] => new MqttOutlet(
                new MqttOptions
                {
                    Host = "127.0.0.1",
                    Port = int.Parse(port, CultureInfo.InvariantCulture),
                    QueueFile = file,
                    Topic = "site",
                    ClientId = "outlet",
                },
                NullLogger<MqttOutlet>.Instance),
            ["history", string file] => new HistoryOutlet(new HistoryOptions { File = file }, NullLogger<HistoryOutlet>.Instance),
            _ => throw new ArgumentException($"Not an outlet: {string.Join(' ', arguments)}"),
        };
        using SemaphoreSlim room = new(50);
        for (int number = 0; ; number++)
        {
            await room.WaitAsync();
            _ = RaiseAsync(outlet, TestAlarms.Make(number), room);
        }
    }

    private static async Task RaiseAsync(IAlarmOutlet outlet, Alarm alarm, SemaphoreSlim room)
    {
        await outlet.RaiseAsync(alarm);
        Console.WriteLine(alarm.Id);
        _ = room.Release();
    }
}
