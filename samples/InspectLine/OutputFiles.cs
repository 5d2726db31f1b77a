namespace InspectLine;

/// <summary>The files that an inspection leaves.</summary>
internal sealed record OutputFiles(string Folder)
{
    public string Video => Path.Combine(Folder, "inspection.mp4");

    public string Detections => Path.Combine(Folder, "detections.jsonl");

    public string Report => Path.Combine(Folder, "report.html");

    private string Alarms => Path.Combine(Folder, "alarms");

    public string AlarmPicture(int number) => Path.Combine(Alarms, $"{number:000}.jpg");

    /// <summary>Makes the folders, and removes what an earlier run left: a mixture of two runs would lie.</summary>
    /// <exception cref="IOException">A folder cannot be made.</exception>
    public static OutputFiles Prepare(string folder)
    {
        OutputFiles files = new(folder);
        _ = Directory.CreateDirectory(files.Alarms);
        File.Delete(files.Video);
        File.Delete(files.Report);
        foreach (string picture in Directory.EnumerateFiles(files.Alarms, "???.jpg"))
        {
            File.Delete(picture);
        }

        return files;
    }
}
