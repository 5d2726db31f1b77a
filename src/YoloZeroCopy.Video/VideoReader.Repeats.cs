namespace YoloZeroCopy;

/// <content>A video that begins anew at its end, without a gap: each pass is a run of ffmpeg, and the next one is started before it is
/// wanted.</content>
public sealed partial class VideoReader
{
    // More than a program takes to start on a busy machine. It waits with a full pipe.
    private static readonly TimeSpan StartsAhead = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan UnknownFrameTime = TimeSpan.FromMilliseconds(40);

    // Of the worker's thread; the connection is aborted by others.
    private VideoConnection? ahead;
    private bool isAheadTried;
    private bool isRepeat;
    private TimeSpan? passBegin;
    private TimeSpan? passLength;
    private TimeSpan passEnd;

    /// <summary>Notes a frame's time.</summary>
    private void NotePass(TimeSpan shown)
    {
        TimeSpan end = shown + (FrameRate > 0 ? TimeSpan.FromSeconds(1 / FrameRate) : UnknownFrameTime);
        passEnd = passBegin is null || end > passEnd ? end : passEnd;
        passBegin ??= shown;
    }

    private void StartAheadWhereDue()
    {
        // Nothing is due where no frame was taken yet, or nobody knows how long a pass is.
        bool isDue = passEnd >= passBegin + (passLength ?? Duration) - StartsAhead;
        if (!isDue || !options.Repeats || isAheadTried || IsLive)
        {
            return;
        }

        isAheadTried = true;
        try
        {
            _ = Interlocked.Exchange(ref ahead, Start());
        }
        catch (Exception error) when (error is MediaException or NativeLibraryException or OperationCanceledException)
        {
            // It is tried again when it is wanted, and told then.
            return;
        }

        if (aborted)
        {
            ahead!.Abort();
        }
    }

    /// <summary>Goes on with the next pass.</summary>
    /// <exception cref="MediaException">The video is not there any more, or cannot be read.</exception>
    private void Repeat()
    {
        passLength = passEnd - passBegin;
        DropConnection();
        isAheadTried = false;
        isRepeat = true;
        MediaException? error = TryConnect(out _);
        isRepeat = false;
        if (error is not null)
        {
            throw error;
        }
    }

    private async ValueTask DropAheadAsync()
    {
        if (ahead is VideoConnection started)
        {
            await started.DisposeAsync().ConfigureAwait(false);
            Volatile.Write(ref ahead, null);
        }
    }
}
