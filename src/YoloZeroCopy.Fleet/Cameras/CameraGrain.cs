using Orleans.Concurrency;

namespace YoloZeroCopy;

/// <summary>A camera, somewhere in the fleet.</summary>
internal interface ICameraGrain : IGrainWithStringKey
{
    /// <summary>Makes it run, where it does not, on the node that the plan names.</summary>
    [AlwaysInterleave]
    Task RunAsync();

    /// <summary>Moves it to the node that the plan names.</summary>
    /// <param name="from">The node that it is to leave. A call that comes after it has moved finds it elsewhere, and must not move it again.</param>
    [AlwaysInterleave]
    Task MoveAsync(string from);

    /// <summary>Ends it.</summary>
    /// <param name="from">As of <see cref="MoveAsync"/>.</param>
    [AlwaysInterleave]
    Task EndAsync(string from);

    /// <summary>Takes an alarm of an earlier owner, which NATS did not take of it any more.</summary>
    /// <returns>False where that cannot be now.</returns>
    [AlwaysInterleave]
    Task<bool> TakeInAsync(string key, string text, DateTimeOffset at);
}

[PlanPlacement]
[CollectionAgeLimit(AlwaysActive = true)]
internal sealed class CameraGrain(FleetNode node) : Grain, ICameraGrain
{
    private CameraRun? run;

    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        IGrainContext context = GrainContext;
        run = node.Start(
            this.GetPrimaryKeyString(), () => context.Deactivate(new(DeactivationReasonCode.ApplicationRequested, "taken over"), default));
        return Task.CompletedTask;
    }

    public override async Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        if (run is not null)
        {
            await node.EndAsync(run, reason.ToString(), cancellationToken).ConfigureAwait(true);
        }
    }

    public Task RunAsync() => Task.CompletedTask;

    public Task MoveAsync(string from)
    {
        if (from == node.Name)
        {
            MigrateOnIdle();
        }

        return Task.CompletedTask;
    }

    public Task EndAsync(string from)
    {
        if (from == node.Name)
        {
            DeactivateOnIdle();
        }

        return Task.CompletedTask;
    }

    public Task<bool> TakeInAsync(string key, string text, DateTimeOffset at) => Task.FromResult(run!.TakeIn(key, text, at));
}
