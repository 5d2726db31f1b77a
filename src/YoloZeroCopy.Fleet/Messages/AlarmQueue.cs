using System.Text;
using System.Text.Json;

namespace YoloZeroCopy;

/// <summary>Alarms that NATS does not have yet, in memory and in a file, so that they outlive the process. At most so many; the oldest go
/// first.</summary>
/// <remarks>
/// Each alarm is a line of the file, written before anything else is done with it and handed to the system, which keeps it when the process is
/// killed; at a loss of power the last seconds may be missing. The file is emptied when NATS has all, and written anew where it has grown long
/// meanwhile.
/// </remarks>
internal sealed class AlarmQueue : IDisposable
{
    // Bytes of sent alarms in the file, from which on it is written anew.
    private const long Slack = 4 << 20;

    private readonly string path;
    private readonly int limit;
    private readonly Lock gate = new();
    private readonly LinkedList<QueuedAlarm> waiting = [];
    private readonly SemaphoreSlim signal = new(0, 1);
    private FileStream? file;
    private long waitingBytes;

    /// <exception cref="IOException">Another process has the folder.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder may not be written.</exception>
    public AlarmQueue(string folder, int limit)
    {
        this.limit = limit;
        _ = Directory.CreateDirectory(folder);
        path = Path.Combine(folder, "alarms.jsonl");
        file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        using (StreamReader reader = new(file, Encoding.UTF8, leaveOpen: true))
        {
            while (reader.ReadLine() is { } line)
            {
                try
                {
                    // No subject is this process's yet: another node may have the camera now.
                    Keep(new QueuedAlarm(FleetStreams.Read(Encoding.UTF8.GetBytes(line)), null, Encoding.UTF8.GetByteCount(line) + 1));
                }
                catch (JsonException)
                {
                    // The line that was being written when the process died.
                }
            }
        }

        Rewrite();
        Signal();
    }

    public int Count
    {
        get
        {
            lock (gate)
            {
                return waiting.Count;
            }
        }
    }

    public long Dropped { get; private set; }

    /// <summary>Why alarms are kept in memory only; null where they are on disk.</summary>
    public string? Problem { get; private set; }

    public void Add(FleetMessage message, SubjectChain chain)
    {
        byte[] body = JsonSerializer.SerializeToUtf8Bytes(message, FleetJson.Default.FleetMessage);
        lock (gate)
        {
            Write(body);
            Keep(new QueuedAlarm(message, chain, body.Length + 1));
        }

        Signal();
    }

    /// <summary>All that wait, oldest first.</summary>
    public IReadOnlyList<QueuedAlarm> Waiting
    {
        get
        {
            lock (gate)
            {
                return [.. waiting];
            }
        }
    }

    /// <summary>Whether alarms of a camera wait that its owner here can still send.</summary>
    public bool HasOf(string camera)
    {
        lock (gate)
        {
            return waiting.Any(alarm => alarm.Chain is not null && alarm.Message.Camera == camera);
        }
    }

    public void Remove(QueuedAlarm alarm)
    {
        lock (gate)
        {
            if (waiting.Remove(alarm))
            {
                waitingBytes -= alarm.Bytes;
                if (file is not null && (waiting.Count == 0 || file.Length > waitingBytes + Slack))
                {
                    Rewrite();
                }
            }
        }
    }

    /// <summary>Waits until there may be something new, at most for a time.</summary>
    public Task WaitAsync(TimeSpan limit, CancellationToken stop) => signal.WaitAsync(limit, stop);

    public void Dispose()
    {
        lock (gate)
        {
            file?.Dispose();
            file = null;
        }
    }

    private void Keep(QueuedAlarm alarm)
    {
        _ = waiting.AddLast(alarm);
        waitingBytes += alarm.Bytes;
        while (waiting.Count > limit)
        {
            waitingBytes -= waiting.First!.Value.Bytes;
            waiting.RemoveFirst();
            Dropped++;
        }
    }

    private void Write(byte[] body)
    {
        try
        {
            if (file is not null)
            {
                file.Write(body);
                file.WriteByte((byte)'\n');
                file.Flush();
                Problem = null;
            }
        }
        catch (IOException error)
        {
            // A full disk: the alarm is kept in memory, and sent from there.
            Problem = error.Message;
        }
    }

    private void Rewrite()
    {
        try
        {
            file!.SetLength(0);
            foreach (QueuedAlarm alarm in waiting)
            {
                file.Write(JsonSerializer.SerializeToUtf8Bytes(alarm.Message, FleetJson.Default.FleetMessage));
                file.WriteByte((byte)'\n');
            }

            file.Flush();
        }
        catch (IOException error)
        {
            Problem = error.Message;
        }
    }

    private void Signal()
    {
        try
        {
            _ = signal.Release();
        }
        catch (SemaphoreFullException)
        {
            // Told already.
        }
    }
}

/// <summary>An alarm in the queue. Its chain is null where it was raised in an earlier life of this process.</summary>
internal sealed class QueuedAlarm(FleetMessage message, SubjectChain? chain, int bytes)
{
    public FleetMessage Message { get; } = message;

    public SubjectChain? Chain { get; set; } = chain;

    public int Bytes { get; } = bytes;
}
