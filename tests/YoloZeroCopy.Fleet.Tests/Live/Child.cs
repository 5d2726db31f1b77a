using System.Diagnostics;

namespace YoloZeroCopy.Tests.Live;

/// <summary>Starts programs that end when the test program does, whatever ends that.</summary>
internal static class Child
{
    // Reads the pipe that the test program holds, and kills what the shell has become, if that is still there.
    private const string Script =
        """exec 3<&0; (cat <&3 >/dev/null; [ "$(readlink /proc/$$/exe)" = "$(readlink -f "$0")" ] && kill -9 $$) """
        + """>/dev/null 2>&1 & exec 3<&-; exec "$0" "$@" </dev/null""";

    public static Process Start(string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string> environment, Action<string> output)
    {
        ProcessStartInfo start = new("/bin/sh", ["-c", Script, program, .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach ((string key, string value) in environment)
        {
            start.Environment[key] = value;
        }

        Process process = Process.Start(start)!;
        void Take(object sender, DataReceivedEventArgs line)
        {
            if (line.Data is { } text)
            {
                output(text);
            }
        }

        process.OutputDataReceived += Take;
        process.ErrorDataReceived += Take;
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return process;
    }
}
