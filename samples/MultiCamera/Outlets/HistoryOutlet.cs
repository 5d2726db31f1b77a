using System.Text.Json;
using Microsoft.Data.Sqlite;
using MultiCamera.Alarms;

namespace MultiCamera.Outlets;

/// <summary>Alarms and detections to a SQLite database, and back.</summary>
/// <remarks>
/// One loop writes what has come, many at a time: alarms at once, detections twice a second. An alarm is safe when its transaction is on the disk.
/// While the disk is full it tries again every second; alarms and detections wait in memory, up to a limit each, above which the oldest go.
/// The same loop deletes what is too old or too much, a few thousand rows at a time.
/// </remarks>
internal sealed class HistoryOutlet : IAlarmOutlet
{
    public const string Name = "history";

    /// <summary>Alarms that wait in memory at most.</summary>
    public const int AlarmLimit = 10_000;

    /// <summary>Detections that wait in memory at most.</summary>
    public const int DetectionLimit = 100_000;

    private const int Version = 1;
    private const int RowsAtOnce = 5000;

    private const string Tables = """
        CREATE TABLE alarms(
            id TEXT PRIMARY KEY, time INTEGER NOT NULL, camera TEXT NOT NULL, rule TEXT NOT NULL, kind TEXT NOT NULL, place TEXT NOT NULL,
            value REAL NOT NULL, text TEXT NOT NULL, objects TEXT NOT NULL) STRICT, WITHOUT ROWID;
        CREATE INDEX alarms_time ON alarms(time);
        CREATE INDEX alarms_camera ON alarms(camera, time);
        CREATE TABLE detections(
            time INTEGER NOT NULL, camera TEXT NOT NULL, frame INTEGER NOT NULL, track INTEGER, class TEXT NOT NULL, score REAL NOT NULL,
            x1 REAL NOT NULL, y1 REAL NOT NULL, x2 REAL NOT NULL, y2 REAL NOT NULL) STRICT;
        CREATE INDEX detections_time ON detections(time);
        """;

    private static readonly TimeSpan BatchTime = TimeSpan.FromSeconds(0.5);
    private static readonly TimeSpan Retry = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan TrimTime = TimeSpan.FromMinutes(1);

    private readonly HistoryOptions options;
    private readonly TimeProvider clock;
    private readonly ILogger log;
    private readonly OutletHealth health;
    private readonly Signal alarmCame = new();
    private readonly CancellationTokenSource stop = new();
    private readonly Task writing;

    private readonly Lock gate = new();
    private readonly LinkedList<WaitingAlarm> alarms = [];
    private readonly Queue<CameraDetections> detections = [];
    private readonly Dictionary<string, DateTimeOffset> latest = new(StringComparer.Ordinal);
    private int waitingDetections;
    private long droppedDetections;
    private bool isClosed;
    private Task? disposal;

    // The writing loop's own.
    private SqliteConnection? database;
    private long nextTrim;

    /// <summary>Begins to write.</summary>
    /// <exception cref="ArgumentException">The options are not valid: see <see cref="HistoryOptions.Check"/>.</exception>
    public HistoryOutlet(HistoryOptions options, ILogger<HistoryOutlet> log, TimeProvider? clock = null)
    {
        foreach ((string field, string problem) in options.Check())
        {
            throw new ArgumentException($"{field} {problem}.", nameof(options));
        }

        this.options = options;
        this.log = log;
        this.clock = clock ?? TimeProvider.System;
        health = new OutletHealth(Name, log, this.clock);
        writing = Task.Run(WriteAsync);
    }

    public OutletStatus Status
    {
        get
        {
            int waiting;
            lock (gate)
            {
                waiting = alarms.Count;
            }

            return health.Status(waiting);
        }
    }

    /// <summary>Detections that could not be kept since the program started.</summary>
    public long DroppedDetections => Interlocked.Read(ref droppedDetections);

    public Task RaiseAsync(Alarm alarm)
    {
        WaitingAlarm waiting = new(alarm);
        WaitingAlarm? gone = null;
        lock (gate)
        {
            if (isClosed)
            {
                return Task.FromException(new OutletException("The outlet was stopped."));
            }

            _ = alarms.AddLast(waiting);
            if (alarms.Count > AlarmLimit)
            {
                gone = alarms.First!.Value;
                alarms.RemoveFirst();
            }
        }

        if (gone is not null)
        {
            Drop([gone], "they could not be written, and too many wait");
        }

        alarmCame.Set();
        return waiting.Safe.Task;
    }

    public void Add(CameraDetections detections)
    {
        if (options.DetectionRate == 0)
        {
            return;
        }

        lock (gate)
        {
            TimeSpan since = detections.Time - latest.GetValueOrDefault(detections.Camera);
            // A clock that was set back does not stop it.
            if (isClosed || (since >= TimeSpan.Zero && since.TotalSeconds < 1 / options.DetectionRate))
            {
                return;
            }

            latest[detections.Camera] = detections.Time;
            this.detections.Enqueue(detections);
            waitingDetections += detections.Objects.Count;
            while (waitingDetections > DetectionLimit)
            {
                int objects = this.detections.Dequeue().Objects.Count;
                waitingDetections -= objects;
                droppedDetections += objects;
            }
        }
    }

    public void Add(CameraStatus status)
    {
        if (status.State == CameraStatus.Removed)
        {
            lock (gate)
            {
                _ = latest.Remove(status.Camera);
            }
        }
    }

    /// <summary>The newest alarms that were written.</summary>
    /// <param name="camera">Of this camera; null: of all.</param>
    /// <param name="before">Older than this; null: up to now.</param>
    /// <param name="limit">How many at most.</param>
    /// <returns>The newest first, without pictures; empty before the first was written.</returns>
    /// <exception cref="SqliteException">The database cannot be read now.</exception>
    public IReadOnlyList<Alarm> ReadAlarms(string? camera, DateTimeOffset? before, int limit)
    {
        List<Alarm> found = [];
        using SqliteConnection? reader = Database.OpenToRead(options.File);
        if (reader is null)
        {
            return found;
        }

        using SqliteCommand select = reader.CreateCommand();
        string condition = camera is null ? "" : "camera = $camera AND ";
        select.CommandText = $"""
            SELECT id, time, camera, rule, kind, place, value, text, objects FROM alarms WHERE {condition}time < $before
            ORDER BY time DESC, id DESC LIMIT $limit
            """;
        _ = select.Parameters.AddWithValue("$camera", camera ?? "");
        _ = select.Parameters.AddWithValue("$before", before?.ToUnixTimeMilliseconds() ?? long.MaxValue);
        _ = select.Parameters.AddWithValue("$limit", limit);
        using SqliteDataReader rows = select.ExecuteReader();
        while (rows.Read())
        {
            found.Add(new Alarm
            {
                Id = rows.GetString(0),
                Time = DateTimeOffset.FromUnixTimeMilliseconds(rows.GetInt64(1)),
                Camera = rows.GetString(2),
                Rule = rows.GetString(3),
                Kind = Enum.Parse<AlarmKind>(rows.GetString(4)),
                Place = rows.GetString(5),
                Value = rows.GetDouble(6),
                Text = rows.GetString(7),
                Objects = JsonSerializer.Deserialize(rows.GetString(8), OutletJson.Default.IReadOnlyListSeenObject) ?? [],
            });
        }

        return found;
    }

    /// <summary>How many objects of each class the kept frames show, by pieces of time.</summary>
    /// <param name="camera">Of this camera; null: of all.</param>
    /// <param name="from">From this time on.</param>
    /// <param name="to">Before this time.</param>
    /// <param name="step">Length of a piece of time, 1 s or more.</param>
    /// <returns>By time and class; pieces without objects are left out.</returns>
    /// <exception cref="SqliteException">The database cannot be read now.</exception>
    public IReadOnlyList<DetectionCount> ReadCounts(string? camera, DateTimeOffset from, DateTimeOffset to, TimeSpan step)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(step, TimeSpan.FromSeconds(1));
        List<DetectionCount> found = [];
        using SqliteConnection? reader = Database.OpenToRead(options.File);
        if (reader is null)
        {
            return found;
        }

        using SqliteCommand select = reader.CreateCommand();
        string condition = camera is null ? "" : "camera = $camera AND ";
        select.CommandText = $"""
            SELECT time / $step * $step AS piece, class, count(*), count(DISTINCT camera || ' ' || frame) FROM detections
            WHERE {condition}time >= $from AND time < $to GROUP BY piece, class ORDER BY piece, class
            """;
        _ = select.Parameters.AddWithValue("$camera", camera ?? "");
        _ = select.Parameters.AddWithValue("$from", from.ToUnixTimeMilliseconds());
        _ = select.Parameters.AddWithValue("$to", to.ToUnixTimeMilliseconds());
        _ = select.Parameters.AddWithValue("$step", (long)step.TotalMilliseconds);
        using SqliteDataReader rows = select.ExecuteReader();
        while (rows.Read())
        {
            found.Add(new DetectionCount(
                DateTimeOffset.FromUnixTimeMilliseconds(rows.GetInt64(0)), rows.GetString(1), rows.GetInt64(2), rows.GetInt64(3)));
        }

        return found;
    }

    /// <summary>Writes what waits, once more where it could not be written, and closes the database.</summary>
    public async ValueTask DisposeAsync()
    {
        Task task;
        lock (gate)
        {
            task = disposal ??= Task.Run(StopAsync);
        }

        await task;
    }

    private async Task StopAsync()
    {
        await stop.CancelAsync();
        await writing;
        health.Stopped();
        stop.Dispose();
    }

    private async Task WriteAsync()
    {
        bool isLast = false;
        while (!isLast)
        {
            if (stop.IsCancellationRequested)
            {
                isLast = true;
                lock (gate)
                {
                    isClosed = true;
                }
            }

            bool isWritten = TryWrite(out bool hasMore);
            if (!isLast && !hasMore)
            {
                // What fails is tried again at its own pace, however many alarms come meanwhile.
                Task wait = isWritten ? alarmCame.WaitAsync(BatchTime, clock, stop.Token) : Task.Delay(Retry, clock, stop.Token);
                await wait.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }

        WaitingAlarm[] gone;
        lock (gate)
        {
            gone = [.. alarms];
            alarms.Clear();
        }

        Drop(gone, "they could not be written before the program ended");
        database?.Dispose();
    }

    private bool TryWrite(out bool hasMore)
    {
        hasMore = false;
        try
        {
            database ??= Database.Open(options.File, Version, Tables, log, isShared: true);
            WriteWaiting(database);
            hasMore = Trim(database);
            health.Works();
            return true;
        }
        catch (Exception error) when (error is SqliteException or IOException or UnauthorizedAccessException or InvalidDataException)
        {
            health.Fails($"{options.File} cannot be written: {error.Message}");
            return false;
        }
    }

    private void WriteWaiting(SqliteConnection database)
    {
        WaitingAlarm[] newAlarms;
        CameraDetections[] newDetections;
        lock (gate)
        {
            newAlarms = [.. alarms];
            newDetections = [.. detections];
        }

        if (newAlarms.Length == 0 && newDetections.Length == 0)
        {
            return;
        }

        using (SqliteTransaction transaction = database.BeginTransaction())
        {
            Insert(database, transaction, newAlarms);
            Insert(database, transaction, newDetections);
            transaction.Commit();
        }

        int written = 0;
        lock (gate)
        {
            // What made room for newer ones meanwhile is at the front, and gone.
            HashSet<WaitingAlarm> done = [.. newAlarms];
            while (alarms.First is { } first && done.Contains(first.Value))
            {
                alarms.RemoveFirst();
                written++;
            }

            HashSet<CameraDetections> doneDetections = new(newDetections, ReferenceEqualityComparer.Instance);
            while (detections.TryPeek(out CameraDetections? frame) && doneDetections.Contains(frame))
            {
                waitingDetections -= detections.Dequeue().Objects.Count;
            }
        }

        health.Delivered(written);
        foreach (WaitingAlarm alarm in newAlarms)
        {
            _ = alarm.Safe.TrySetResult();
        }
    }

    private static void Insert(SqliteConnection database, SqliteTransaction transaction, WaitingAlarm[] alarms)
    {
        using SqliteCommand insert = database.CreateCommand();
        insert.Transaction = transaction;
        insert.CommandText = """
            INSERT OR IGNORE INTO alarms(id, time, camera, rule, kind, place, value, text, objects)
            VALUES ($id, $time, $camera, $rule, $kind, $place, $value, $text, $objects)
            """;
        SqliteParameter[] values = Parameters(insert, "$id", "$time", "$camera", "$rule", "$kind", "$place", "$value", "$text", "$objects");
        foreach (WaitingAlarm waiting in alarms)
        {
            Alarm alarm = waiting.Alarm;
            values[0].Value = alarm.Id;
            values[1].Value = alarm.Time.ToUnixTimeMilliseconds();
            values[2].Value = alarm.Camera;
            values[3].Value = alarm.Rule;
            values[4].Value = alarm.Kind.ToString();
            values[5].Value = alarm.Place;
            values[6].Value = alarm.Value;
            values[7].Value = alarm.Text;
            values[8].Value = JsonSerializer.Serialize(alarm.Objects, OutletJson.Default.IReadOnlyListSeenObject);
            _ = insert.ExecuteNonQuery();
        }
    }

    private static void Insert(SqliteConnection database, SqliteTransaction transaction, CameraDetections[] frames)
    {
        using SqliteCommand insert = database.CreateCommand();
        insert.Transaction = transaction;
        insert.CommandText = """
            INSERT INTO detections(time, camera, frame, track, class, score, x1, y1, x2, y2)
            VALUES ($time, $camera, $frame, $track, $class, $score, $x1, $y1, $x2, $y2)
            """;
        SqliteParameter[] values = Parameters(insert, "$time", "$camera", "$frame", "$track", "$class", "$score", "$x1", "$y1", "$x2", "$y2");
        foreach (CameraDetections frame in frames)
        {
            values[0].Value = frame.Time.ToUnixTimeMilliseconds();
            values[1].Value = frame.Camera;
            values[2].Value = frame.Frame;
            foreach (SeenObject seen in frame.Objects)
            {
                values[3].Value = seen.Track is long track ? track : DBNull.Value;
                values[4].Value = seen.Class;
                values[5].Value = seen.Score;
                values[6].Value = seen.X1;
                values[7].Value = seen.Y1;
                values[8].Value = seen.X2;
                values[9].Value = seen.Y2;
                _ = insert.ExecuteNonQuery();
            }
        }
    }

    private static SqliteParameter[] Parameters(SqliteCommand command, params ReadOnlySpan<string> names)
    {
        SqliteParameter[] parameters = new SqliteParameter[names.Length];
        for (int i = 0; i < names.Length; i++)
        {
            parameters[i] = command.Parameters.Add(new SqliteParameter { ParameterName = names[i] });
        }

        return parameters;
    }

    /// <returns>True when there is more to delete: alarms that have come meanwhile are written first.</returns>
    private bool Trim(SqliteConnection database)
    {
        if (nextTrim != 0 && clock.GetTimestamp() < nextTrim)
        {
            return false;
        }

        bool hasMore = TrimOld(database) || TrimSize(database);
        if (!hasMore)
        {
            nextTrim = clock.GetTimestamp() + (long)(TrimTime.TotalSeconds * clock.TimestampFrequency);
        }

        return hasMore;
    }

    private bool TrimOld(SqliteConnection database)
    {
        long limit = clock.GetUtcNow().AddDays(-options.KeepDays).ToUnixTimeMilliseconds();
        int rows = database.Execute(
            $"DELETE FROM detections WHERE rowid IN (SELECT rowid FROM detections WHERE time < {limit} ORDER BY time LIMIT {RowsAtOnce})");
        rows += database.Execute($"DELETE FROM alarms WHERE id IN (SELECT id FROM alarms WHERE time < {limit} ORDER BY time LIMIT {RowsAtOnce})");
        return rows > 0;
    }

    private bool TrimSize(SqliteConnection database)
    {
        long limit = options.MaxMegabytes * 1_000_000L;
        if (Size(database) <= limit)
        {
            return false;
        }

        // Detections are many and alarms few: an alarm goes when no detection is left.
        int rows = database.Execute($"DELETE FROM detections WHERE rowid IN (SELECT rowid FROM detections ORDER BY time LIMIT {RowsAtOnce})");
        if (rows == 0)
        {
            rows = database.Execute($"DELETE FROM alarms WHERE id IN (SELECT id FROM alarms ORDER BY time LIMIT {RowsAtOnce})");
        }

        // Gives the emptied pages back to the disk.
        using SqliteCommand vacuum = database.CreateCommand();
        vacuum.CommandText = "PRAGMA incremental_vacuum";
        using SqliteDataReader steps = vacuum.ExecuteReader();
        while (steps.Read())
        {
        }

        return rows > 0;
    }

    private static long Size(SqliteConnection database) => database.Number("PRAGMA page_count") * database.Number("PRAGMA page_size");

    private void Drop(IReadOnlyCollection<WaitingAlarm> gone, string reason)
    {
        foreach (WaitingAlarm alarm in gone)
        {
            _ = alarm.Safe.TrySetException(new OutletException($"The alarm was dropped: {reason}."));
        }

        health.Dropped(gone.Count, reason);
    }

    private sealed class WaitingAlarm(Alarm alarm)
    {
        public Alarm Alarm { get; } = alarm;

        public TaskCompletionSource Safe { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
