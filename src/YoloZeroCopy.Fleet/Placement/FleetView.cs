using System.Collections.Immutable;
using System.Globalization;
using Orleans.Runtime.MembershipService.SiloMetadata;

namespace YoloZeroCopy;

/// <summary>What this node knows of the fleet: nodes from Orleans, cameras and changed capacities from Redis, and the plan that follows.</summary>
internal sealed class FleetView(ISiloStatusOracle oracle, ISiloMetadataCache metadata)
{
    public const string NodeKey = "fleet.node";
    public const string GpuKey = "fleet.gpu";
    public const string CapacityKey = "fleet.capacity";

    // How long a node waits for another one to hand a camera over, before it takes it.
    private static readonly TimeSpan HandOver = TimeSpan.FromSeconds(5);

    private readonly Lock gate = new();
    private IReadOnlyDictionary<string, FleetCamera>? found;
    private DateTimeOffset joined;
    private string? leaving;
    private IReadOnlyDictionary<string, FleetCamera> cameras = new Dictionary<string, FleetCamera>();
    private Dictionary<string, int> changed = [];
    private State state = new([], [], FleetPlan.Empty, FleetPlan.Empty, [], DateTimeOffset.UtcNow);

    public FleetPlan Plan => Volatile.Read(ref state).Plan;

    /// <summary>When the plan last changed.</summary>
    public DateTimeOffset Since => Volatile.Read(ref state).Since;

    /// <summary>Cameras by id.</summary>
    public IReadOnlyDictionary<string, FleetCamera> Cameras
    {
        get
        {
            lock (gate)
            {
                return cameras;
            }
        }
    }

    /// <summary>Nodes that carry cameras now, and how many they can.</summary>
    public IReadOnlyDictionary<string, int> Capacities => Volatile.Read(ref state).Capacities;

    /// <summary>Whether a node is about to come or to go. A camera that left its node now could wait for the directory of grains, which such a node
    /// changes next.</summary>
    public bool IsChanging => oracle.GetApproximateSiloStatuses(onlyActive: false).Values
        .Any(static status => status is SiloStatus.Joining or SiloStatus.ShuttingDown or SiloStatus.Stopping);

    /// <summary>Takes what Redis says.</summary>
    public void Set(IReadOnlyDictionary<string, FleetCamera> newCameras, Dictionary<string, int> newCapacities)
    {
        lock (gate)
        {
            (cameras, changed) = (newCameras, newCapacities);
            if (found is null)
            {
                (found, joined) = (newCameras, DateTimeOffset.UtcNow);
            }

            Update(isForced: true);
        }
    }

    /// <summary>Looks which nodes there are, and plans anew where that has changed.</summary>
    public void Update()
    {
        lock (gate)
        {
            Update(isForced: false);
        }
    }

    /// <summary>Whether another node that is here has a camera, or may have, and will hand it over to this one.</summary>
    public bool IsWithAnother(string camera, string node)
    {
        State now = Volatile.Read(ref state);
        if (DateTimeOffset.UtcNow - now.Since > HandOver)
        {
            return false;
        }

        // A node that has just come does not know who had the cameras that were there before it.
        return DateTimeOffset.UtcNow - joined < HandOver && found?.ContainsKey(camera) == true
            ? oracle.GetApproximateSiloStatuses(onlyActive: true).Count > 1
            : now.Before.NodeOf.TryGetValue(camera, out string? other) && other != node
                // A node that was started again has nothing to hand over.
                && now.Silos.TryGetValue(other, out SiloAddress? silo) && silo.Equals(now.SilosBefore.GetValueOrDefault(other));
    }

    /// <summary>Plans without this node, before the others know.</summary>
    public void Leave(string node)
    {
        lock (gate)
        {
            leaving = node;
            Update(isForced: true);
        }
    }

    public SiloAddress? SiloOf(string camera)
    {
        State now = Volatile.Read(ref state);
        return now.Plan.NodeOf.TryGetValue(camera, out string? node) ? now.Silos.GetValueOrDefault(node) : null;
    }

    /// <summary>Why no node carries a camera.</summary>
    public string WhyNot(string camera)
    {
        State now = Volatile.Read(ref state);
        int wanted = Cameras.Count;
        return !Cameras.ContainsKey(camera) ? "it is not a camera of this fleet."
            : now.Capacities.Count == 0 ? "no node with a GPU is here."
            : now.Plan.Unplaced.Contains(camera)
                ? $"{now.Capacities.Count} nodes carry {now.Plan.Capacity} cameras, and {wanted} are wanted; add a node, or remove cameras."
                : "its node has just gone or come.";
    }

    private void Update(bool isForced)
    {
        Dictionary<string, SiloAddress> silos = new(StringComparer.Ordinal);
        Dictionary<string, int> capacities = new(StringComparer.Ordinal);
        foreach (SiloAddress silo in oracle.GetApproximateSiloStatuses(onlyActive: true).Keys)
        {
            // It comes a moment after the node.
            ImmutableDictionary<string, string> known = metadata.GetSiloMetadata(silo).Metadata;
            if (!known.TryGetValue(NodeKey, out string? name) || name == leaving || known.GetValueOrDefault(GpuKey) != bool.TrueString)
            {
                continue;
            }

            // A node that was started again, and whose former life is not known to be over.
            if (silos.TryGetValue(name, out SiloAddress? other) && other.Generation > silo.Generation)
            {
                continue;
            }

            silos[name] = silo;
            capacities[name] = changed.TryGetValue(name, out int capacity)
                ? capacity
                : int.Parse(known.GetValueOrDefault(CapacityKey, "0"), NumberFormatInfo.InvariantInfo);
        }

        State now = state;
        if (isForced || !AreEqual(now.Silos, silos) || !AreEqual(now.Capacities, capacities))
        {
            FleetPlan plan = FleetPlan.Make(cameras.Values, capacities);
            Volatile.Write(ref state, new State(silos, capacities, plan, now.Plan, now.Silos, DateTimeOffset.UtcNow));
        }
    }

    private static bool AreEqual<T>(Dictionary<string, T> one, Dictionary<string, T> other)
        where T : IEquatable<T> =>
        one.Count == other.Count && one.All(entry => other.TryGetValue(entry.Key, out T? value) && value.Equals(entry.Value));

    private sealed record State(
        Dictionary<string, SiloAddress> Silos, Dictionary<string, int> Capacities, FleetPlan Plan, FleetPlan Before,
        Dictionary<string, SiloAddress> SilosBefore, DateTimeOffset Since);
}
