namespace YoloZeroCopy.Tests.Messages;

public sealed class AlarmQueueTests : IDisposable
{
    private readonly TempFolder folder = new();

    [Fact]
    public void What_was_added_is_there_in_another_life_and_what_was_removed_is_not()
    {
        using (AlarmQueue queue = Open())
        {
            queue.Add(Alarm(1), null!);
            queue.Add(Alarm(2), null!);
            queue.Remove(queue.Waiting[0]);
            queue.Add(Alarm(3), null!);
        }

        // Removed ones stay in the file until it is written anew: they are raised again, and known by their keys.
        using AlarmQueue again = Open();
        Assert.Equal(["2", "3"], again.Waiting.Select(static alarm => alarm.Message.Key!).TakeLast(2));
        Assert.All(again.Waiting, static alarm => Assert.Null(alarm.Chain));
    }

    [Fact]
    public void The_file_is_emptied_when_all_are_sent()
    {
        using AlarmQueue queue = Open();
        for (int number = 0; number < 10; number++)
        {
            queue.Add(Alarm(number), null!);
        }

        foreach (QueuedAlarm alarm in queue.Waiting)
        {
            queue.Remove(alarm);
        }

        Assert.Equal(0, new FileInfo(folder.File("alarms.jsonl")).Length);
        Assert.Equal(0, queue.Count);
    }

    [Fact]
    public void A_line_that_was_being_written_is_passed_by()
    {
        using (AlarmQueue queue = Open())
        {
            queue.Add(Alarm(1), null!);
        }

        File.AppendAllText(folder.File("alarms.jsonl"), """{"kind":"alarm","camera":"ga""");

        using AlarmQueue again = Open();
        Assert.Equal("1", Assert.Single(again.Waiting).Message.Key);
    }

    [Fact]
    public void Above_the_limit_the_oldest_go_and_are_counted()
    {
        using AlarmQueue queue = Open(limit: 3);
        for (int number = 0; number < 5; number++)
        {
            queue.Add(Alarm(number), null!);
        }

        Assert.Equal(["2", "3", "4"], queue.Waiting.Select(static alarm => alarm.Message.Key!));
        Assert.Equal(2, queue.Dropped);
    }

    [Fact]
    public void A_second_process_is_kept_from_the_folder()
    {
        using AlarmQueue queue = Open();
        _ = Assert.Throws<IOException>(() => Open());
    }

    public void Dispose() => folder.Dispose();

    private AlarmQueue Open(int limit = 100) => new(folder.Path, limit);

    private static FleetMessage Alarm(int number) => new()
    {
        Kind = FleetMessage.AlarmKind,
        Camera = "gate",
        Epoch = 1,
        Number = number,
        Node = "a",
        At = DateTimeOffset.UnixEpoch,
        Key = $"{number}",
        Text = "text",
    };
}
