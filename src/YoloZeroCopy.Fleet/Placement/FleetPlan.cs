using System.Numerics;

namespace YoloZeroCopy;

/// <summary>Which node carries which camera: weighted rendezvous hashing with limits. The same cameras and nodes give the same plan on every node,
/// with nobody asked.</summary>
/// <remarks>
/// A camera's node is the one with the highest score, -capacity / ln(hash of both), so that a node that comes takes cameras from the others, and one
/// that goes leaves its own to them, each in proportion to capacity, and no other camera moves. Chance would give one node some per cent more than
/// its share: a node that has 5 % more (or its share, rounded up) takes no further camera, which goes to its next one. Rendezvous hashing: Thaler and
/// Ravishankar, 1998; limits after Mirrokni, Thorup and Zadimoghaddam, 2018.
/// </remarks>
internal sealed class FleetPlan
{
    private const double Above = 1.05;

    private readonly Dictionary<string, string> nodeOf = new(StringComparer.Ordinal);

    private FleetPlan(long capacity) => Capacity = capacity;

    public static FleetPlan Empty { get; } = new(0);

    /// <summary>Cameras that all nodes can carry.</summary>
    public long Capacity { get; }

    /// <summary>Cameras that no node has room for, the most important first.</summary>
    public List<string> Unplaced { get; } = [];

    public IReadOnlyDictionary<string, string> NodeOf => nodeOf;

    /// <param name="cameras">All cameras.</param>
    /// <param name="capacities">Nodes that carry cameras, and how many they can.</param>
    public static FleetPlan Make(IEnumerable<FleetCamera> cameras, IReadOnlyDictionary<string, int> capacities)
    {
        List<FleetCamera> all =
            [.. cameras.OrderByDescending(static camera => camera.Priority).ThenBy(static camera => camera.Id, StringComparer.Ordinal)];
        long total = capacities.Values.Sum(static capacity => (long)capacity);
        FleetPlan plan = new(total);
        double wanted = Math.Min(all.Count, total);
        Node[] nodes = [.. capacities.Where(static node => node.Value > 0).OrderBy(static node => node.Key, StringComparer.Ordinal).Select(node =>
            new Node(node.Key, Hash(node.Key), node.Value, Room(node.Value, wanted * node.Value / total)))];
        foreach (FleetCamera camera in all)
        {
            ulong hash = Hash(camera.Id);
            Node? best = null;
            double highest = double.NegativeInfinity;
            foreach (Node node in nodes)
            {
                // The hash as a number between 0 and 1, neither of which it is.
                double part = ((Mix(hash ^ BitOperations.RotateLeft(node.Hash, 32)) >> 11) + 0.5) / (1UL << 53);
                double score = -node.Capacity / Math.Log(part);
                if (node.Room > 0 && score > highest)
                {
                    (best, highest) = (node, score);
                }
            }

            if (best is null)
            {
                plan.Unplaced.Add(camera.Id);
            }
            else
            {
                best.Room--;
                plan.nodeOf.Add(camera.Id, best.Name);
            }
        }

        return plan;
    }

    private static int Room(int capacity, double share) => Math.Min(capacity, (int)Math.Max(Math.Ceiling(share), Math.Floor(Above * share)));

    // FNV-1a; the same in every process, which string.GetHashCode is not.
    private static ulong Hash(string name)
    {
        ulong hash = 14695981039346656037;
        foreach (char letter in name)
        {
            hash = (hash ^ letter) * 1099511628211;
        }

        return Mix(hash);
    }

    // The finalizer of SplitMix64: each bit of the result hangs on all of the input.
    private static ulong Mix(ulong value)
    {
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
        return value ^ (value >> 31);
    }

    private sealed class Node(string name, ulong hash, int capacity, int room)
    {
        public string Name { get; } = name;

        public ulong Hash { get; } = hash;

        public int Capacity { get; } = capacity;

        public int Room { get; set; } = room;
    }
}
