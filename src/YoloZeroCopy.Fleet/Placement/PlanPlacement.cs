using Orleans.Placement;
using Orleans.Runtime.Placement;

namespace YoloZeroCopy;

[AttributeUsage(AttributeTargets.Class)]
internal sealed class PlanPlacementAttribute() : PlacementAttribute(new PlanPlacement());

/// <summary>Cameras lie where the plan says.</summary>
[GenerateSerializer]
internal sealed class PlanPlacement : PlacementStrategy;

internal sealed class PlanPlacementDirector(FleetView view) : IPlacementDirector
{
    public Task<SiloAddress> OnAddActivation(PlacementStrategy strategy, PlacementTarget target, IPlacementContext context)
    {
        string camera = target.GrainIdentity.Key.ToString()!;
        SiloAddress silo = view.SiloOf(camera) ?? throw new OrleansException($"No node carries camera '{camera}' now: {view.WhyNot(camera)}");
        return context.GetCompatibleSilos(target).Contains(silo)
            ? Task.FromResult(silo)
            : throw new OrleansException($"The node of camera '{camera}', {silo}, is going or does not carry cameras of this version.");
    }
}
