using System.Diagnostics;

namespace YoloZeroCopy.Tests.Live;

internal static class Until
{
    /// <summary>For a machine that does much else.</summary>
    public static readonly TimeSpan Limit = TimeSpan.FromMinutes(3);

    /// <summary>Asks again and again until something is so.</summary>
    public static async Task TrueAsync(Func<Task<bool>> isSo, Func<string> whatIsWrong, TimeSpan? limit = null)
    {
        long start = Stopwatch.GetTimestamp();
        while (!await isSo())
        {
            Assert.True(Stopwatch.GetElapsedTime(start) < (limit ?? Limit), whatIsWrong());
            await Task.Delay(50);
        }
    }

    public static Task TrueAsync(Func<bool> isSo, Func<string> whatIsWrong, TimeSpan? limit = null) =>
        TrueAsync(() => Task.FromResult(isSo()), whatIsWrong, limit);
}
