namespace YoloZeroCopy.Cli;

/// <summary>An output of <c>yzc detect</c>. Called by one thread at a time, in input order.</summary>
internal interface IFrameSink : IAsyncDisposable
{
    /// <summary>Whether <see cref="FrameWork.Pixels"/> is wanted.</summary>
    bool WantsPixels => false;

    /// <summary>Takes a frame's result; the caller disposes it afterwards.</summary>
    ValueTask WriteAsync(FrameWork work, DetectionResult result);

    /// <summary>Takes what a frame has instead of a result: the reason why there is none.</summary>
    ValueTask FailAsync(FrameWork work, string message) => ValueTask.CompletedTask;

    /// <summary>The item has no more frames.</summary>
    ValueTask EndItemAsync(InputItem item) => ValueTask.CompletedTask;

    /// <summary>Nothing more is ready now: what is buffered should become visible.</summary>
    void Flush();

    /// <summary>Everything was handed over: finishes the output. Without it, disposing leaves out what is not complete.</summary>
    ValueTask CompleteAsync();
}
