namespace MultiCamera.Tests.Outlets;

/// <summary>Waits for what happens in other threads and processes.</summary>
internal static class Until
{
    // Far more than anything here takes, on a busy machine too.
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(10);

    public static async Task TrueAsync(Func<bool> condition, Func<string> state)
    {
        long start = Environment.TickCount64;
        while (!condition())
        {
            Assert.True(Environment.TickCount64 - start < Limit.TotalMilliseconds, $"It has not come to pass. {state()}");
            await Task.Delay(10);
        }
    }
}
