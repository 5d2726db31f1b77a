namespace YoloZeroCopy;

/// <summary>What compiling and timing convolutions may take of the machine.</summary>
/// <param name="MostThreads">At most so many threads compile.</param>
/// <param name="WorkspaceLimit">Most bytes that a plan may work in.</param>
/// <param name="TimedLaunches">How often a plan is timed: of that the shortest counts.</param>
/// <param name="IsBehind">Whether frames run meanwhile, to which the threads give way.</param>
internal readonly record struct CudnnEffort(int MostThreads, long WorkspaceLimit, int TimedLaunches, bool IsBehind)
{
    /// <summary>While an opening waits for it.</summary>
    public static CudnnEffort InFront { get; } = new(MostThreads: 8, CudnnPlan.MaxWorkspaceBytes, TimedLaunches: 3, IsBehind: false);

    /// <summary>While frames run: they take the device between two launches that are timed, so that there are more of those.</summary>
    public static CudnnEffort Behind(long workspaceLimit) => new(MostThreads: 4, workspaceLimit, TimedLaunches: 10, IsBehind: true);
}
