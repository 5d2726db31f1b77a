using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;
using MultiCamera.Outlets;

namespace MultiCamera.Tests.Outlets;

/// <summary>The queue alone. With a broker it is tested in <see cref="MqttOutletTests"/>.</summary>
public sealed class DiskQueueTests
{
    [Fact]
    public void A_full_disk_is_told_until_it_takes_something_although_nothing_waits_any_more()
    {
        using SmallDisk disk = new(megabytes: 2);
        using DiskQueue queue = new(disk.File("queue.db"), limit: 1000, NullLogger.Instance);
        Assert.Equal(0, queue.Save());
        disk.Fill();
        _ = queue.Add("topic", new byte[100_000], out _);
        _ = Assert.Throws<SqliteException>(() => queue.Save());
        QueuedMessage message = Assert.Single(queue.Read(max: 10, includeUnsaved: true));
        // Sent from memory.
        Assert.True(queue.Remove([message.Sequence]));
        disk.Fill();
        _ = Assert.Throws<SqliteException>(() => queue.Save());
        disk.Free();
        Assert.Equal(0, queue.Save());
    }
}
