using System.Diagnostics;

namespace YoloZeroCopy.Tests;

/// <summary>Waits for what happens in other threads and processes.</summary>
internal static class Until
{
    /// <summary>Far more than anything here takes, on a busy machine too.</summary>
    public static readonly TimeSpan Limit = TimeSpan.FromMinutes(5);

    /// <summary>Asks again and again until something is so.</summary>
    /// <param name="isSo">The question.</param>
    /// <param name="whatIsWrong">For the message of a failure.</param>
    public static Task TrueAsync(Func<bool> isSo, Func<string>? whatIsWrong = null) =>
        TrueAsync(() => Task.FromResult(isSo()), TimeSpan.FromMilliseconds(5), whatIsWrong);

    /// <summary>The same for what another process is asked, which has other things to do, too.</summary>
    public static Task TrueAsync(Func<Task<bool>> isSo, Func<string>? whatIsWrong = null) =>
        TrueAsync(isSo, TimeSpan.FromMilliseconds(50), whatIsWrong);

    private static async Task TrueAsync(Func<Task<bool>> isSo, TimeSpan pause, Func<string>? whatIsWrong)
    {
        long start = Stopwatch.GetTimestamp();
        while (!await isSo())
        {
            Assert.True(Stopwatch.GetElapsedTime(start) < Limit, $"It has not come to pass. {whatIsWrong?.Invoke()}");
            await Task.Delay(pause);
        }
    }
}
