using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace YoloZeroCopy;

/// <summary>What ffmpeg's log says of the video it reads.</summary>
internal sealed record FfmpegHeader(double FrameRate, TimeSpan? Duration, bool IsBt709);

/// <summary>
/// Reads ffmpeg's log (<c>-loglevel level+info</c>): the rate of its output, which it prints before the first frame leaves, and errors.
/// Bounded, whatever is printed.
/// </summary>
/// <remarks>Filled by one task; the properties may be read by any thread. What is kept has no credentials of URLs in it, which ffmpeg
/// prints.</remarks>
/// <param name="url">The URL that is read; null where there is none.</param>
internal sealed partial class FfmpegLog(string? url = null)
{
    private const int MaxLineBytes = 1000;
    private const int MaxLines = 12;
    private const double MaxRate = 1000;

    private readonly Lock gate = new();
    private readonly Queue<string> lines = new();
    private readonly Queue<string> errors = new();
    private readonly TaskCompletionSource<FfmpegHeader?> header = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly byte[] line = new byte[MaxLineBytes];
    private int lineLength;
    private bool isLineCut;
    private int errorCount;
    private bool isRefused;
    private bool inInput;
    private bool inOutput;
    private bool sawInputVideo;
    private bool isBt709;
    private TimeSpan? duration;

    /// <summary>The header, or null when the log ended without one.</summary>
    public Task<FfmpegHeader?> Header => header.Task;

    /// <summary>Whether a server answered that it will not: no such path, or not for this user. ffmpeg has no other sign of it than the number of the
    /// answer in its log.</summary>
    public bool IsRefused
    {
        get
        {
            lock (gate)
            {
                return isRefused;
            }
        }
    }

    /// <summary>Lines of level error or fatal so far.</summary>
    public int ErrorCount => Volatile.Read(ref errorCount);

    /// <summary>The last errors, or the last lines where there was none.</summary>
    public string Tail
    {
        get
        {
            lock (gate)
            {
                return string.Join(" | ", errors.Count > 0 ? errors : lines);
            }
        }
    }

    /// <summary>Reads the log to its end.</summary>
    public async Task PumpAsync(Stream stream)
    {
        byte[] buffer = new byte[4096];
        try
        {
            while (true)
            {
                int read = await stream.ReadAsync(buffer).ConfigureAwait(false);
                if (read == 0)
                {
                    break;
                }

                Append(buffer.AsSpan(0, read));
            }
        }
        catch (Exception error) when (error is IOException or ObjectDisposedException)
        {
            // The program is gone; what was read is what there is.
        }
        finally
        {
            EndLine();
            _ = header.TrySetResult(null);
        }
    }

    internal void Append(ReadOnlySpan<byte> bytes)
    {
        foreach (byte value in bytes)
        {
            if (value is (byte)'\n' or (byte)'\r')
            {
                EndLine();
            }
            else if (lineLength < MaxLineBytes)
            {
                line[lineLength++] = value;
            }
            else
            {
                isLineCut = true;
            }
        }
    }

    private void EndLine()
    {
        if (lineLength == 0)
        {
            return;
        }

        string text = Encoding.UTF8.GetString(line, 0, lineLength);
        lineLength = 0;
        Keep(isLineCut ? UrlCredentials.HideInCut(text, url) : UrlCredentials.Hide(text, url));
        isLineCut = false;
        if (!header.Task.IsCompleted && text.StartsWith("[info] ", StringComparison.Ordinal))
        {
            Parse(text.AsSpan(7));
        }
    }

    private void Keep(string text)
    {
        int error = FirstOf(text, "[error] ", "[fatal] ");
        int other = FirstOf(text, "[info] ", "[warning] ");
        lock (gate)
        {
            Queue<string> target = lines;
            if (error >= 0 && (other < 0 || error < other))
            {
                Volatile.Write(ref errorCount, errorCount + 1);
                isRefused |= Refusal().IsMatch(text);
                target = errors;
                text = text[(error + 8)..];
            }

            if (target.Count == MaxLines)
            {
                _ = target.Dequeue();
            }

            target.Enqueue(text);
        }
    }

    // RTSP's and HTTP's numbers are the same.
    [GeneratedRegex(@"(?:failed: |HTTP error |Server returned )4(?:\d\d\b|XX)")]
    private static partial Regex Refusal();

    // Sections begin at column 0; whatever a file's own metadata holds is indented deeper than the lines looked for.
    private void Parse(ReadOnlySpan<char> text)
    {
        if (!text.StartsWith(' '))
        {
            inInput = text.StartsWith("Input #0", StringComparison.Ordinal);
            inOutput = text.StartsWith("Output #0", StringComparison.Ordinal);
            return;
        }

        const string DurationMark = "  Duration: ";
        if (inInput && text.StartsWith(DurationMark, StringComparison.Ordinal))
        {
            ReadOnlySpan<char> value = text[DurationMark.Length..];
            int end = value.IndexOf(',');
            if (end > 0 && TimeSpan.TryParse(value[..end], CultureInfo.InvariantCulture, out TimeSpan parsed))
            {
                duration = parsed;
            }
        }

        // 4 blanks, or 2 since version 5; metadata lines have 6 or more, or 4 and no such word.
        bool isStream = text.TrimStart().StartsWith("Stream #0:", StringComparison.Ordinal) && text.Length - text.TrimStart().Length <= 4;
        int video = text.IndexOf(": Video: ");
        if (!isStream || video < 0)
        {
            return;
        }

        if (inInput && !sawInputVideo)
        {
            // The first stream that is no cover picture is the one that is decoded.
            sawInputVideo = !text.Contains("(attached pic)", StringComparison.Ordinal);
            isBt709 = sawInputVideo && text.Contains("bt709", StringComparison.Ordinal);
        }
        else if (inOutput)
        {
            _ = header.TrySetResult(new FfmpegHeader(ReadRate(text[video..]), duration, isBt709));
        }
    }

    private static double ReadRate(ReadOnlySpan<char> text)
    {
        // Of packets that were not looked into there is only a guess.
        int end = text.IndexOf(" fps");
        end = end < 0 ? text.IndexOf(" tbr") : end;
        if (end < 0)
        {
            return 0;
        }

        ReadOnlySpan<char> number = text[(text[..end].LastIndexOf(' ') + 1)..end];
        double factor = 1;
        if (number.EndsWith('k'))
        {
            number = number[..^1];
            factor = 1000;
        }

        if (!double.TryParse(number, NumberStyles.Float, CultureInfo.InvariantCulture, out double rate))
        {
            return 0;
        }

        // Where nobody knows, it is the unit of time.
        rate *= factor;
        if (rate > MaxRate)
        {
            return 0;
        }

        // The log has two decimals; broadcast rates are 24, 30, 60 ... times 1000 / 1001.
        double broadcast = Math.Round(rate * 1.001) / 1.001;
        return rate != Math.Round(rate) && Math.Abs(broadcast - rate) < 0.006 ? broadcast : rate;
    }

    private static int FirstOf(string text, string one, string other)
    {
        int first = text.IndexOf(one, StringComparison.Ordinal);
        int second = text.IndexOf(other, StringComparison.Ordinal);
        return first < 0 ? second : second < 0 ? first : Math.Min(first, second);
    }
}
