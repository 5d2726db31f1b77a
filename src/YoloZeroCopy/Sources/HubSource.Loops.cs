namespace YoloZeroCopy;

/// <content>The two loops: the producer's calls, and the results that go to the handler.</content>
public sealed partial class HubSource
{
    private async Task RunAsync()
    {
        using IDisposable? owned = resource;
        RetryDelay delay = new(options.RetryDelay, options.MaxRetryDelay);
        while (!IsLost() && await RunOnceAsync(delay).ConfigureAwait(false) is TimeSpan pause && !IsLost())
        {
            if (pause > TimeSpan.Zero)
            {
                await Task.Delay(pause, clock, stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }

        if (IsLost())
        {
            SetState(SourceState.Failed, lost!.Message);
        }
    }

    /// <summary>Whether the detector is gone: then nothing can be submitted any more.</summary>
    private bool IsLost()
    {
        if (detector.Fault is null && !detector.IsDisposed)
        {
            return false;
        }

        lock (Gate)
        {
            lost ??= detector.Fault is Exception cause ? new DetectorFaultedException(cause) : new ObjectDisposedException(nameof(YoloDetector));
        }

        return true;
    }

    /// <summary>Calls the producer.</summary>
    /// <returns>How long to wait until it is called again; null for never.</returns>
    private async Task<TimeSpan?> RunOnceAsync(RetryDelay delay)
    {
        SourceFeed feed;
        lock (Gate)
        {
            if (hasStopped)
            {
                return null;
            }

            feed = new SourceFeed(this, runs++);
        }

        Exception? error = null;
        try
        {
            await producer(feed, stop.Token).ConfigureAwait(false);
        }
        catch (Exception thrown)
        {
            error = thrown;
        }

        Task handledAll = End(feed, out bool isStopped);
        if (isStopped)
        {
            return null;
        }

        if (error is not null)
        {
            SetState(SourceState.Failed, error.Message, isAnotherFault: true);
        }

        // A removal does not wait here: it may drop what waits.
        await handledAll.WaitAsync(stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (feed.HasSubmitted && clock.GetElapsedTime(feed.FirstAt, feed.LastAt) >= Health)
        {
            delay.Reset();
        }

        if (error is null && (!options.Repeats || (!feed.HasSubmitted && options.RetryDelay == TimeSpan.Zero)))
        {
            SetState(SourceState.Ended, null);
            return null;
        }

        return error is null && feed.HasSubmitted ? TimeSpan.Zero
            : options.RetryDelay == TimeSpan.Zero ? null
            : delay.Next();
    }

    /// <summary>The producer's call has ended: takes back what it left, and gives a task that ends when all its frames are handled.</summary>
    private Task End(SourceFeed feed, out bool isStopped)
    {
        lock (Gate)
        {
            feed.HasEnded = true;
            isStopped = hasStopped;
            for (int left = feed.Ring?.Reclaim() ?? 0; left > 0; left--)
            {
                LeaveRoom();
            }

            return WhenIdle();
        }
    }

    private Task WhenIdle()
    {
        if (ahead == 0)
        {
            return Task.CompletedTask;
        }

        idle ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        return idle.Task;
    }

    private async Task HandleAsync()
    {
        while (await NextAsync().ConfigureAwait(false))
        {
            SubmittedFrame frame = Take(out bool hasFrame);
            if (!hasFrame)
            {
                continue;
            }

            DetectionResult result = default;
            bool isHandled = false;
            try
            {
                result = await frame.Result.ConfigureAwait(false);
                isHandled = !result.IsDropped && !Volatile.Read(ref discards);
            }
            catch (Exception error)
            {
                await NoteAsync(frame, error).ConfigureAwait(false);
            }

            if (isHandled)
            {
                try
                {
                    await handler(new SourceFrame(this, frame), result).ConfigureAwait(false);
                }
                catch (Exception error)
                {
                    lock (Gate)
                    {
                        handlerFailures++;
                    }

                    detector.Warnings.SayOnce(ref warnedOfHandler, $"The handler of source '{Name}' threw", error);
                }
            }

            result.Dispose();
            Finish(frame, isHandled);
        }
    }

    private ValueTask<bool> NextAsync()
    {
        lock (Gate)
        {
            return submittedCount > 0 ? new ValueTask<bool>(true) : isDone ? new ValueTask<bool>(false) : work.Arm();
        }
    }

    private SubmittedFrame Take(out bool hasFrame)
    {
        lock (Gate)
        {
            hasFrame = submittedCount > 0;
            if (!hasFrame)
            {
                return default;
            }

            SubmittedFrame frame = submitted[firstSubmitted];
            submitted[firstSubmitted] = default;
            firstSubmitted = (firstSubmitted + 1) % submitted.Length;
            submittedCount--;
            return frame;
        }
    }

    private void Finish(in SubmittedFrame frame, bool isHandled)
    {
        Action? freed;
        lock (Gate)
        {
            if (isHandled)
            {
                long now = clock.GetTimestamp();
                handledCount++;
                handled.Add(now - frame.CapturedAt, now);
            }

            freed = frame.Ring?.Leave((int)frame.Token);
            LeaveRoom();
        }

        freed?.Invoke();
    }

    // What the detector cannot go on after ends the source, and what it cannot do for one frame does not.
    private async ValueTask NoteAsync(SubmittedFrame frame, Exception error)
    {
        if (!IsLost())
        {
            detector.Warnings.SayOnce(ref warnedOfFrame, $"Frame {frame.Number} of source '{Name}' failed", error);
            return;
        }

        await StopProducerAsync().ConfigureAwait(false);
    }
}
