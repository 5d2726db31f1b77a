using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;
using MultiCamera.Alarms;
using MultiCamera.Outlets;

namespace MultiCamera.Tests.Outlets;

/// <summary>Alarms and detections in a real SQLite database whose disk is full, and whose program is killed.</summary>
public sealed class HistoryOutletTests : IDisposable
{
    private static readonly DateTimeOffset Start = new(2026, 11, 27, 10, 0, 0, TimeSpan.Zero);

    private readonly TempFolder folder = new();

    private string File => folder.File("history.db");

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Alarms_are_read_back_as_they_were_the_newest_first()
    {
        await using HistoryOutlet outlet = Open();
        Alarm[] alarms = [.. Enumerable.Range(0, 6).Select(number => TestAlarms.Make(number, number % 2 == 0 ? "gate" : "yard"))];
        await Task.WhenAll(alarms.Select(outlet.RaiseAsync));
        // Given twice it is kept once.
        await outlet.RaiseAsync(alarms[0]);

        IReadOnlyList<Alarm> all = outlet.ReadAlarms(camera: null, before: null, limit: 100);
        Assert.Equal(alarms.Reverse().Select(alarm => alarm.Id), all.Select(alarm => alarm.Id));
        Assert.Equivalent(alarms[5], all[0], strict: true);
        Assert.Equal([alarms[4].Id, alarms[2].Id], outlet.ReadAlarms("gate", before: null, limit: 2).Select(alarm => alarm.Id));
        Assert.Equal([alarms[2].Id, alarms[0].Id], outlet.ReadAlarms("gate", alarms[4].Time, limit: 2).Select(alarm => alarm.Id));
        Assert.Equal((OutletState.Working, 0L, 0L), (outlet.Status.State, outlet.Status.Waiting, outlet.Status.Dropped));
    }

    [Fact]
    public async Task Detections_of_one_frame_in_each_piece_of_time_are_kept_and_counted()
    {
        await using HistoryOutlet outlet = Open();
        // Three seconds at 10 frames a second: one frame a second is kept.
        for (int frame = 0; frame < 30; frame++)
        {
            outlet.Add(Frame(frame, Start.AddSeconds(frame / 10.0), objects: 2));
            outlet.Add(Frame(frame, Start.AddSeconds(frame / 10.0), objects: 1, "yard"));
        }

        TimeSpan day = TimeSpan.FromDays(1);
        await Until.TrueAsync(() => outlet.ReadCounts(null, Start, Start + day, day).Sum(count => count.Objects) == 9, () => $"{outlet.Status}");
        Assert.Equal(
            [new DetectionCount(Start, "person", 4, 2), new DetectionCount(Start.AddSeconds(2), "person", 2, 1)],
            outlet.ReadCounts("gate", Start, Start.AddSeconds(10), TimeSpan.FromSeconds(2)));
        Assert.Equal([new DetectionCount(Start, "person", 9, 6)], outlet.ReadCounts(null, Start, Start.AddSeconds(10), TimeSpan.FromHours(1)));
    }

    [Fact]
    public async Task There_is_nothing_to_read_before_the_tables_are_made()
    {
        // As it is between the making of the file and the first transaction.
        using (SqliteConnection empty = new($"Data Source={File};Pooling=False"))
        {
            empty.Open();
            using SqliteCommand command = empty.CreateCommand();
            command.CommandText = "PRAGMA journal_mode = WAL";
            _ = command.ExecuteScalar();
            using SqliteConnection? reader = Database.OpenToRead(File);
            Assert.Null(reader);
        }

        Assert.True(System.IO.File.Exists(File));
        Assert.Null(Database.OpenToRead(File + ".not-there"));
        await using HistoryOutlet outlet = Open();
        await outlet.RaiseAsync(TestAlarms.Make());
        _ = Assert.Single(outlet.ReadAlarms(null, null, 10));
    }

    [Fact]
    public async Task A_killed_program_leaves_a_whole_database_with_every_alarm_that_was_safe()
    {
        string[] safe;
        using (OutletProcess process = new("history", File))
        {
            await Until.TrueAsync(() => process.Safe.Count >= 2000, () => $"{process.Safe.Count} are safe");
            process.Kill();
            safe = [.. process.Safe];
        }

        await using HistoryOutlet outlet = Open();
        await outlet.RaiseAsync(TestAlarms.Make());
        Assert.Subset(outlet.ReadAlarms(null, null, int.MaxValue).Select(alarm => alarm.Id).ToHashSet(), safe.ToHashSet());
        Assert.Empty(Directory.GetFiles(folder.Path, "*.damaged*"));
        Assert.Equal("ok", Ask("PRAGMA integrity_check"));
    }

    [Fact]
    public async Task A_full_disk_is_told_and_alarms_are_written_when_there_is_room_again()
    {
        using SmallDisk disk = new(megabytes: 4);
        await using HistoryOutlet outlet = Open(disk.File("history.db"));
        await outlet.RaiseAsync(TestAlarms.Make());
        disk.Fill();
        List<Task> raised = [];
        // The log of SQLite has a little room left, which is used up first.
        while (outlet.Status.State != OutletState.Failing)
        {
            raised.AddRange(Enumerable.Range(0, 100).Select(number => outlet.RaiseAsync(TestAlarms.Make(number))));
            await Task.Delay(20);
            Assert.True(raised.Count < HistoryOutlet.AlarmLimit, "The disk does not get full.");
        }

        Assert.Contains("full", outlet.Status.Problem, StringComparison.Ordinal);
        Assert.Contains(raised, task => !task.IsCompleted);
        disk.Free();
        await Task.WhenAll(raised);
        await Until.TrueAsync(() => outlet.Status is { State: OutletState.Working, Waiting: 0 }, () => $"{outlet.Status}");
        Assert.Equal((raised.Count + 1, 0L), (outlet.ReadAlarms(null, null, int.MaxValue).Count, outlet.Status.Dropped));
    }

    [Fact]
    public async Task What_cannot_be_written_waits_up_to_a_limit_and_the_oldest_goes_first()
    {
        // A folder is where the database should be.
        _ = Directory.CreateDirectory(File);
        await using HistoryOutlet outlet = Open();
        await Until.TrueAsync(() => outlet.Status.State == OutletState.Failing, () => $"{outlet.Status}");
        Task[] raised = [.. Enumerable.Range(0, HistoryOutlet.AlarmLimit + 10).Select(number => outlet.RaiseAsync(TestAlarms.Make(number)))];
        Assert.Equal((10L, (long)HistoryOutlet.AlarmLimit), (outlet.Status.Dropped, outlet.Status.Waiting));
        foreach (Task task in raised[..10])
        {
            _ = await Assert.ThrowsAsync<OutletException>(() => task);
        }

        for (int frame = 0; frame < 3; frame++)
        {
            outlet.Add(Frame(frame, Start.AddSeconds(frame), objects: HistoryOutlet.DetectionLimit / 2));
        }

        Assert.Equal(HistoryOutlet.DetectionLimit / 2, outlet.DroppedDetections);
        Directory.Delete(File);
        await Task.WhenAll(raised[10..]);
        await Until.TrueAsync(() => outlet.ReadCounts(null, Start, Start.AddDays(1), TimeSpan.FromDays(1)).Count > 0, () => $"{outlet.Status}");
        Assert.Equal(
            new DetectionCount(Start.AddHours(-10), "person", HistoryOutlet.DetectionLimit, 2),
            Assert.Single(outlet.ReadCounts(null, Start, Start.AddDays(1), TimeSpan.FromDays(1))));
    }

    [Fact]
    public async Task What_is_too_old_is_deleted()
    {
        DateTimeOffset now = DateTimeOffset.UtcNow;
        await using (HistoryOutlet outlet = Open())
        {
            await outlet.RaiseAsync(TestAlarms.Make() with { Id = "old", Time = now.AddDays(-3) });
            await outlet.RaiseAsync(TestAlarms.Make() with { Id = "new", Time = now.AddDays(-1) });
            outlet.Add(Frame(0, now.AddDays(-3), objects: 12_000));
            outlet.Add(Frame(1, now.AddDays(-1), objects: 1));
        }

        await using HistoryOutlet later = Open(options: new HistoryOptions { File = File, KeepDays = 2 });
        await Until.TrueAsync(() => later.ReadAlarms(null, null, 10).Count == 1, () => $"{later.Status}");
        await Until.TrueAsync(() => Ask("SELECT count(*) FROM detections") == "1", () => Ask("SELECT count(*) FROM detections"));
        Assert.Equal("new", later.ReadAlarms(null, null, 10)[0].Id);
    }

    [Fact]
    public async Task A_database_that_is_too_large_shrinks_and_loses_its_oldest_detections_before_any_alarm()
    {
        await using (HistoryOutlet outlet = Open(options: new HistoryOptions { File = File, DetectionRate = 1000 }))
        {
            await outlet.RaiseAsync(TestAlarms.Make());
            for (int frame = 0; frame < 90; frame++)
            {
                outlet.Add(Frame(frame, Start.AddSeconds(frame), objects: 1000));
            }
        }

        Assert.True(new FileInfo(File).Length > 4_000_000);
        await using HistoryOutlet later = Open(options: new HistoryOptions { File = File, MaxMegabytes = 2, KeepDays = 36_500 });
        await Until.TrueAsync(() => long.Parse(Ask("PRAGMA page_count")) * 4096 <= 2_000_000, () => Ask("PRAGMA page_count"));
        await later.DisposeAsync();
        Assert.InRange(new FileInfo(File).Length, 500_000, 2_000_000);
        _ = Assert.Single(later.ReadAlarms(null, null, 10));
        Assert.Equal("89", Ask("SELECT max(frame) FROM detections"));
        Assert.Equal("ok", Ask("PRAGMA integrity_check"));
    }

    [Fact]
    public async Task A_damaged_database_is_moved_aside_and_one_of_a_later_version_is_left_alone()
    {
        await System.IO.File.WriteAllBytesAsync(File, [.. Enumerable.Repeat((byte)'x', 8192)]);
        await using (HistoryOutlet outlet = Open())
        {
            await outlet.RaiseAsync(TestAlarms.Make());
            _ = Assert.Single(Directory.GetFiles(folder.Path, "history.db.damaged-*"));
        }

        using (SqliteConnection connection = new($"Data Source={File};Pooling=False"))
        {
            connection.Open();
            _ = connection.Execute("PRAGMA user_version = 2");
        }

        await using HistoryOutlet late = Open();
        Task raised = late.RaiseAsync(TestAlarms.Make());
        await Until.TrueAsync(() => late.Status.State == OutletState.Failing, () => $"{late.Status}");
        Assert.Contains("have version 2; this program reads version 1", late.Status.Problem, StringComparison.Ordinal);
        await late.DisposeAsync();
        _ = await Assert.ThrowsAsync<OutletException>(() => raised);
        Assert.Equal((OutletState.Stopped, 1L), (late.Status.State, late.Status.Dropped));
    }

    [Fact]
    public async Task It_may_be_disposed_twice_at_once_and_takes_nothing_afterwards()
    {
        HistoryOutlet outlet = Open();
        Task raised = outlet.RaiseAsync(TestAlarms.Make());
        await Task.WhenAll(outlet.DisposeAsync().AsTask(), outlet.DisposeAsync().AsTask());
        await raised;
        await Assert.ThrowsAsync<OutletException>(() => outlet.RaiseAsync(TestAlarms.Make()));
        outlet.Add(Frame(0, Start, objects: 1));
        _ = Assert.Single(outlet.ReadAlarms(null, null, 10));
    }

    [Fact]
    public void Options_that_cannot_be_are_refused_by_name()
    {
        HistoryOptions options = new() { File = " ", KeepDays = double.NaN, MaxMegabytes = 0, DetectionRate = -1 };
        Assert.Equal(["File", "KeepDays", "DetectionRate", "MaxMegabytes"], options.Check().Select(problem => problem.Field));
        _ = Assert.Throws<ArgumentException>(() => new HistoryOutlet(options, NullLogger<HistoryOutlet>.Instance));
    }

    private static CameraDetections Frame(int number, DateTimeOffset time, int objects, string camera = "gate") =>
        new(camera, time, number, [.. Enumerable.Range(0, objects).Select(track => new SeenObject(track, "person", 0.5f, 1, 2, 3, 4))]);

    private HistoryOutlet Open(string? file = null, HistoryOptions? options = null) =>
        new(options ?? new HistoryOptions { File = file ?? File, KeepDays = 36_500 }, NullLogger<HistoryOutlet>.Instance);

    private string Ask(string sql)
    {
        using SqliteConnection connection = Database.OpenToRead(File)!;
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = sql;
        return Convert.ToString(command.ExecuteScalar(), System.Globalization.CultureInfo.InvariantCulture)!;
    }
}
