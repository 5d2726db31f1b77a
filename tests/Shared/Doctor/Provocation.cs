namespace YoloZeroCopy.Tests;

/// <summary>A detector that is made slow on purpose in one way, to see whether the doctor names it.</summary>
/// <param name="Name">What is done.</param>
/// <param name="Cause">What is to be named.</param>
/// <param name="RunAsync">Does it, and watches.</param>
internal sealed record Provocation(string Name, LatencyCause Cause, Func<TimeSpan, Task<LatencyReport>> RunAsync);
