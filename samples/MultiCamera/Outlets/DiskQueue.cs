using Microsoft.Data.Sqlite;
using MultiCamera.Alarms;

namespace MultiCamera.Outlets;

/// <summary>First in, first out, on disk: what was saved is there after a kill. Holds a limited number of messages; the oldest go first.</summary>
/// <remarks>
/// Messages are added in memory, saved many at a time, and removed when the broker has them. While the disk is full they stay in memory, at most
/// <see cref="MemoryLimit"/>, and can be read and so sent from there. Any thread, but
/// one at a time saves. <see cref="Add"/> and <see cref="Count"/> never wait for the disk.
/// </remarks>
internal sealed class DiskQueue : IDisposable
{
    /// <summary>Messages that are kept in memory while they cannot be saved.</summary>
    public const int MemoryLimit = 10_000;

    private const int Version = 1;
    private const string Tables = "CREATE TABLE queue(sequence INTEGER PRIMARY KEY, topic TEXT NOT NULL, payload BLOB NOT NULL) STRICT";

    private readonly string file;
    private readonly int limit;
    private readonly ILogger log;

    // Guards what was added and not yet looked at; never held while the disk works.
    private readonly Lock intake = new();
    private readonly Queue<Unsaved> added = [];

    // Guards the rest; never held while code of others runs. Where both are taken, this one is first.
    private readonly Lock gate = new();
    // Not saved yet; all of them come after the saved ones.
    private readonly LinkedList<Unsaved> unsaved = [];
    // Saved ones that the broker has, and which could not be deleted yet.
    private readonly HashSet<long> undeleted = [];
    private SqliteConnection? connection;
    private long lastSequence;
    private long saved;
    // Dropped from memory and not told yet.
    private int memoryDropped;
    // The disk has refused the latest save.
    private bool isRefused;
    private bool isDisposed;
    // Both lists and the file, without what is only not deleted yet.
    private long count;

    /// <param name="file">Its file, opened by <see cref="Save"/>.</param>
    /// <param name="limit">Messages at most, 1 or more.</param>
    /// <param name="log">Told of a damaged file.</param>
    public DiskQueue(string file, int limit, ILogger log)
    {
        this.file = file;
        this.limit = limit;
        this.log = log;
    }

    /// <summary>Messages in the queue; those on disk are known from the first <see cref="Save"/> on.</summary>
    public long Count
    {
        get
        {
            lock (intake)
            {
                return Volatile.Read(ref count) + added.Count;
            }
        }
    }

    /// <summary>Adds a message in memory.</summary>
    /// <param name="topic">Whole topic.</param>
    /// <param name="payload">What is sent; kept and not copied.</param>
    /// <param name="dropped">Older messages that made room.</param>
    /// <returns>Ends when it is saved, or removed; fails with an <see cref="OutletException"/> when it is dropped before.</returns>
    public Task Add(string topic, byte[] payload, out int dropped)
    {
        Unsaved message = new(topic, payload);
        List<Unsaved> gone = [];
        lock (intake)
        {
            if (isDisposed)
            {
                gone.Add(message);
            }
            else
            {
                added.Enqueue(message);
                while (added.Count > Math.Min(limit, MemoryLimit))
                {
                    gone.Add(added.Dequeue());
                }
            }
        }

        Fail(gone);
        dropped = gone.Count;
        return message.Safe.Task;
    }

    /// <summary>Saves what was added, and deletes what was removed and could not be deleted then. After a save that failed it only succeeds when the
    /// disk takes something again.</summary>
    /// <returns>Old messages that were dropped because there were more than the limit.</returns>
    /// <exception cref="SqliteException">It cannot be saved now. All is kept but the oldest above the limit, which the next call tells.</exception>
    /// <exception cref="IOException">The same.</exception>
    /// <exception cref="UnauthorizedAccessException">The same.</exception>
    /// <exception cref="InvalidDataException">The file is of another version.</exception>
    public int Save()
    {
        List<Unsaved> done = [];
        List<Unsaved> gone = [];
        int dropped;
        try
        {
            lock (gate)
            {
                if (isDisposed)
                {
                    return 0;
                }

                TakeAdded(gone);
                bool wasRefused = isRefused;
                isRefused = true;
                dropped = SaveAll(Open(), isProof: wasRefused);
                isRefused = false;
                done.AddRange(unsaved);
                unsaved.Clear();
                Volatile.Write(ref count, saved);
            }
        }
        finally
        {
            Fail(gone);
            memoryDropped += gone.Count;
        }

        foreach (Unsaved message in done)
        {
            _ = message.Safe.TrySetResult();
        }

        dropped += memoryDropped;
        memoryDropped = 0;
        return dropped;
    }

    /// <summary>The oldest messages, which stay in the queue.</summary>
    /// <param name="max">How many at most.</param>
    /// <param name="includeUnsaved">True: also those in memory, after all saved ones.</param>
    /// <exception cref="SqliteException">The disk cannot be read now.</exception>
    public IReadOnlyList<QueuedMessage> Read(int max, bool includeUnsaved)
    {
        List<QueuedMessage> messages = [];
        lock (gate)
        {
            // Until the file was opened once it is not known whether there are older messages, which must not be overtaken.
            if (isDisposed || connection is null)
            {
                return messages;
            }

            if (saved > 0)
            {
                using SqliteCommand select = connection.CreateCommand();
                select.CommandText = "SELECT sequence, topic, payload FROM queue ORDER BY sequence LIMIT $max";
                _ = select.Parameters.AddWithValue("$max", max + undeleted.Count);
                using SqliteDataReader rows = select.ExecuteReader();
                while (messages.Count < max && rows.Read())
                {
                    long sequence = rows.GetInt64(0);
                    if (!undeleted.Contains(sequence))
                    {
                        messages.Add(new QueuedMessage(sequence, rows.GetString(1), rows.GetFieldValue<byte[]>(2)));
                    }
                }
            }

            if (includeUnsaved)
            {
                foreach (Unsaved message in unsaved.Take(max - messages.Count))
                {
                    messages.Add(new QueuedMessage(Number(message), message.Topic, message.Payload));
                }
            }
        }

        return messages;
    }

    /// <summary>Removes messages that the broker has. They are not read again, also where they cannot be deleted from the disk now.</summary>
    /// <returns>False when <see cref="Save"/> has to delete them.</returns>
    public bool Remove(IReadOnlyCollection<long> sequences)
    {
        List<Unsaved> done = [];
        bool isDeleted;
        lock (gate)
        {
            if (isDisposed)
            {
                return true;
            }

            HashSet<long> onDisk = [.. sequences];
            for (LinkedListNode<Unsaved>? node = unsaved.First; node is not null && onDisk.Count > 0;)
            {
                LinkedListNode<Unsaved>? next = node.Next;
                if (onDisk.Remove(node.Value.Sequence))
                {
                    done.Add(node.Value);
                    unsaved.Remove(node);
                }

                node = next;
            }

            TryDelete(onDisk);
            isDeleted = undeleted.Count == 0;
            Volatile.Write(ref count, Math.Max(0, saved - undeleted.Count) + unsaved.Count);
        }

        foreach (Unsaved message in done)
        {
            _ = message.Safe.TrySetResult();
        }

        return isDeleted;
    }

    /// <summary>Closes the file. What was not saved fails.</summary>
    /// <returns>How many were not saved.</returns>
    public int Close()
    {
        List<Unsaved> gone;
        lock (gate)
        {
            lock (intake)
            {
                if (isDisposed)
                {
                    return 0;
                }

                isDisposed = true;
                gone = [.. unsaved, .. added];
                added.Clear();
            }

            unsaved.Clear();
            connection?.Dispose();
        }

        Fail(gone);
        return gone.Count;
    }

    /// <inheritdoc cref="Close"/>
    public void Dispose() => _ = Close();

    private void TakeAdded(List<Unsaved> gone)
    {
        lock (intake)
        {
            while (added.TryDequeue(out Unsaved? message))
            {
                _ = unsaved.AddLast(message);
            }
        }

        while (unsaved.Count > Math.Min(limit, MemoryLimit))
        {
            gone.Add(unsaved.First!.Value);
            unsaved.RemoveFirst();
        }

        Volatile.Write(ref count, Math.Max(0, saved - undeleted.Count) + unsaved.Count);
    }

    // All in one transaction: it is done or it is not. Where it is to prove that the disk takes something, it writes in any case.
    private int SaveAll(SqliteConnection database, bool isProof)
    {
        if (unsaved.Count == 0 && undeleted.Count == 0 && saved <= limit && !isProof)
        {
            return 0;
        }

        using SqliteTransaction transaction = database.BeginTransaction();
        if (isProof)
        {
            _ = database.Execute($"PRAGMA user_version = {Version}", transaction);
        }

        long left = saved - Delete(database, transaction, undeleted) + unsaved.Count;
        using SqliteCommand insert = database.CreateCommand();
        insert.CommandText = "INSERT INTO queue(sequence, topic, payload) VALUES ($sequence, $topic, $payload)";
        insert.Transaction = transaction;
        SqliteParameter sequence = insert.Parameters.Add("$sequence", SqliteType.Integer);
        SqliteParameter topic = insert.Parameters.Add("$topic", SqliteType.Text);
        SqliteParameter payload = insert.Parameters.Add("$payload", SqliteType.Blob);
        foreach (Unsaved message in unsaved)
        {
            // Where it was sent from memory it has a number already.
            sequence.Value = Number(message);
            topic.Value = message.Topic;
            payload.Value = message.Payload;
            _ = insert.ExecuteNonQuery();
        }

        int dropped = 0;
        if (left > limit)
        {
            dropped = database.Execute(
                $"DELETE FROM queue WHERE sequence IN (SELECT sequence FROM queue ORDER BY sequence LIMIT {left - limit})", transaction);
        }

        transaction.Commit();
        saved = left - dropped;
        undeleted.Clear();
        return dropped;
    }

    private void TryDelete(HashSet<long> sequences)
    {
        if (connection is null || sequences.Count == 0)
        {
            return;
        }

        try
        {
            using SqliteTransaction transaction = connection.BeginTransaction();
            // Fewer than asked where some made room for newer ones in the meantime.
            int deleted = Delete(connection, transaction, sequences);
            transaction.Commit();
            saved -= deleted;
        }
        catch (SqliteException)
        {
            // Save tries again and tells why.
            undeleted.UnionWith(sequences);
        }
    }

    private static int Delete(SqliteConnection database, SqliteTransaction transaction, HashSet<long> sequences)
    {
        using SqliteCommand delete = database.CreateCommand();
        delete.CommandText = "DELETE FROM queue WHERE sequence = $sequence";
        delete.Transaction = transaction;
        SqliteParameter parameter = delete.Parameters.Add("$sequence", SqliteType.Integer);
        int deleted = 0;
        foreach (long sequence in sequences)
        {
            parameter.Value = sequence;
            deleted += delete.ExecuteNonQuery();
        }

        return deleted;
    }

    private SqliteConnection Open()
    {
        if (connection is null)
        {
            // For this process alone: two programs with one queue would send every alarm twice.
            SqliteConnection opened = Database.Open(file, Version, Tables, log, isShared: false);
            try
            {
                saved = opened.Number("SELECT count(*) FROM queue");
                lastSequence = opened.Number("SELECT coalesce(max(sequence), 0) FROM queue");
                connection = opened;
            }
            catch
            {
                opened.Dispose();
                throw;
            }
        }

        return connection;
    }

    private long Number(Unsaved message)
    {
        if (message.Sequence == 0)
        {
            message.Sequence = ++lastSequence;
        }

        return message.Sequence;
    }

    private static void Fail(List<Unsaved> messages)
    {
        foreach (Unsaved message in messages)
        {
            _ = message.Safe.TrySetException(new OutletException("The message was dropped before it could be saved: the queue is full or closed."));
        }
    }

    private sealed class Unsaved(string topic, byte[] payload)
    {
        public string Topic { get; } = topic;

        public byte[] Payload { get; } = payload;

        /// <summary>0 until it is read or saved.</summary>
        public long Sequence { get; set; }

        public TaskCompletionSource Safe { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
