namespace YoloZeroCopy;

/// <summary>One cause that <see cref="Doctor.WatchAsync"/> found.</summary>
/// <param name="Cause">The cause.</param>
/// <param name="Evidence">The figures that it was found by.</param>
/// <param name="Remedy">An option, a call or a command that mends it.</param>
public sealed record LatencyFinding(LatencyCause Cause, string Evidence, string Remedy);
