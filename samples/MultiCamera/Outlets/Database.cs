using System.Globalization;
using Microsoft.Data.Sqlite;

namespace MultiCamera.Outlets;

/// <summary>Opens SQLite databases in the way that all of this program are kept: what is committed outlives the process and the power.</summary>
internal static class Database
{
    // The result codes of SQLite that stand for a file that is none of its own, or no longer whole.
    private const int Corrupt = 11;
    private const int NotADatabase = 26;

    /// <summary>Opens or makes a database. A damaged one is moved aside, named in the log, and a new one takes its place.</summary>
    /// <param name="file">Its file; the folder is made.</param>
    /// <param name="version">Version of the tables, 1 or more.</param>
    /// <param name="tables">SQL that makes them.</param>
    /// <param name="log">Told of a damaged file.</param>
    /// <param name="isShared">False: nobody else can open it meanwhile.</param>
    /// <exception cref="SqliteException">It cannot be opened now.</exception>
    /// <exception cref="InvalidDataException">It has tables of another version.</exception>
    /// <exception cref="IOException">The folder cannot be made, or a damaged file not be moved.</exception>
    /// <exception cref="UnauthorizedAccessException">The same.</exception>
    public static SqliteConnection Open(string file, int version, string tables, ILogger log, bool isShared)
    {
        string path = Path.GetFullPath(file);
        _ = Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        try
        {
            return OpenWhole(path, version, tables, isShared);
        }
        catch (SqliteException error) when (error.SqliteErrorCode is Corrupt or NotADatabase)
        {
            string aside = MoveAside(path);
            DatabaseLog.Damaged(log, path, aside, error.Message);
            return OpenWhole(path, version, tables, isShared);
        }
    }

    /// <summary>Opens a database to read it, beside the one who writes it; null before that one has made its tables.</summary>
    /// <exception cref="SqliteException">It cannot be opened now.</exception>
    public static SqliteConnection? OpenToRead(string file)
    {
        if (!File.Exists(file))
        {
            return null;
        }

        SqliteConnection connection = new(Settings(file, SqliteOpenMode.ReadOnly));
        try
        {
            connection.Open();
            // The version comes with the tables, in one transaction.
            if (connection.Number("PRAGMA user_version") > 0)
            {
                return connection;
            }
        }
        catch
        {
            connection.Dispose();
            throw;
        }

        connection.Dispose();
        return null;
    }

    public static int Execute(this SqliteConnection connection, string sql, SqliteTransaction? transaction = null)
    {
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = sql;
        command.Transaction = transaction;
        return command.ExecuteNonQuery();
    }

    public static long Number(this SqliteConnection connection, string sql, SqliteTransaction? transaction = null)
    {
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = sql;
        command.Transaction = transaction;
        return Convert.ToInt64(command.ExecuteScalar(), CultureInfo.InvariantCulture);
    }

    private static SqliteConnection OpenWhole(string path, int version, string tables, bool isShared)
    {
        SqliteConnection connection = new(Settings(path, SqliteOpenMode.ReadWriteCreate));
        try
        {
            connection.Open();
            if (!isShared)
            {
                _ = connection.Execute("PRAGMA locking_mode = EXCLUSIVE");
            }

            // Deleted pages can be given back to the disk. It must be said before there is a table.
            _ = connection.Execute("PRAGMA auto_vacuum = INCREMENTAL");
            _ = connection.Execute("PRAGMA journal_mode = WAL");
            // A commit is on the disk when it returns.
            _ = connection.Execute("PRAGMA synchronous = FULL");
            // The log is cut back to this after a checkpoint.
            _ = connection.Execute("PRAGMA journal_size_limit = 4194304");
            long found = connection.Number("PRAGMA user_version");
            if (found == 0)
            {
                using SqliteTransaction transaction = connection.BeginTransaction();
                _ = connection.Execute(tables, transaction);
                _ = connection.Execute($"PRAGMA user_version = {version}", transaction);
                transaction.Commit();
            }
            else if (found != version)
            {
                throw new InvalidDataException($"The tables of {path} have version {found}; this program reads version {version}.");
            }

            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    // Without a pool: a connection that is disposed lets go of its file.
    private static string Settings(string file, SqliteOpenMode mode) => new SqliteConnectionStringBuilder
    {
        DataSource = file,
        Mode = mode,
        Pooling = false,
        DefaultTimeout = 5,
    }.ToString();

    private static string MoveAside(string path)
    {
        string aside = FormattableString.Invariant($"{path}.damaged-{DateTime.UtcNow:yyyyMMdd-HHmmss-fff}");
        File.Move(path, aside);
        // The log belongs to the damaged file and would damage a new one.
        foreach (string suffix in (ReadOnlySpan<string>)["-wal", "-shm"])
        {
            if (File.Exists(path + suffix))
            {
                File.Move(path + suffix, aside + suffix);
            }
        }

        return aside;
    }
}

/// <summary>What <see cref="Database"/> logs.</summary>
internal static partial class DatabaseLog
{
    [LoggerMessage(Level = LogLevel.Error, Message = "{File} is damaged ({Problem}). It now lies as {Aside}, and a new one is begun.")]
    public static partial void Damaged(ILogger log, string file, string aside, string problem);
}
