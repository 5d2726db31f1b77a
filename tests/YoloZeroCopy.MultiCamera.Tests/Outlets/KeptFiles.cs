using System.Globalization;
using Microsoft.Data.Sqlite;
using MultiCamera.Outlets;

namespace MultiCamera.Tests.Outlets;

/// <summary>What a site's databases hold, read as another program would.</summary>
internal static class KeptFiles
{
    /// <summary>Ids of the alarms in the history, with their cameras. It may be written meanwhile.</summary>
    public static IReadOnlyList<(string Id, string Camera)> History(string file) => Read(file, "SELECT id, camera FROM alarms ORDER BY id");

    /// <summary>Numbers of a camera's frames whose detections are in the history.</summary>
    public static IEnumerable<long> Frames(string file, string camera) =>
        Read(file, "SELECT DISTINCT CAST(frame AS TEXT), camera FROM detections ORDER BY frame").Where(row => row.Second == camera)
            .Select(row => long.Parse(row.First, CultureInfo.InvariantCulture));

    /// <summary>Ids of the alarms that wait for the broker. No program has the file open.</summary>
    public static IReadOnlyList<string> Queue(string file) =>
        [.. Read(file, "SELECT json_extract(payload, '$.id'), topic FROM queue ORDER BY sequence").Select(row => row.First)];

    /// <summary>A database that a killed program has left is whole, and was not put aside.</summary>
    public static void ShouldBeWhole(TempFolder folder, string name)
    {
        Assert.Empty(Directory.GetFiles(folder.Path, $"{name}.damaged*"));
        Assert.Equal("ok", Assert.Single(Read(folder.File(name), "SELECT *, '' FROM pragma_integrity_check")).First);
    }

    private static List<(string First, string Second)> Read(string file, string sql)
    {
        using SqliteConnection reader = Database.OpenToRead(file) ?? throw new FileNotFoundException("There are no tables.", file);
        using SqliteCommand select = reader.CreateCommand();
        select.CommandText = sql;
        using SqliteDataReader rows = select.ExecuteReader();
        List<(string First, string Second)> found = [];
        while (rows.Read())
        {
            found.Add((rows.GetString(0), rows.GetString(1)));
        }

        return found;
    }
}
