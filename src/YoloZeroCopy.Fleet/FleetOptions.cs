using System.Net;

namespace YoloZeroCopy;

/// <summary>How a node takes part in a fleet: the section <c>Fleet</c> of the configuration, or <c>Fleet__Redis</c> and so on of the
/// environment.</summary>
public sealed class FleetOptions
{
    /// <summary>Name of the fleet: nodes of the same name belong together, also in Redis and NATS. Letters, digits, '-' and '_'.</summary>
    public string Cluster { get; set; } = "yolo";

    /// <summary>Name of this node, its own in the fleet and the same after a restart; the machine's by default. Letters, digits, '-' and
    /// '_'.</summary>
    public string Node { get; set; } = "";

    /// <summary>Where Redis is, as StackExchange.Redis writes it: host:port, and options. It must keep its data over a restart (appendonly
    /// yes).</summary>
    public string Redis { get; set; } = "127.0.0.1:6379";

    /// <summary>Where NATS with JetStream is.</summary>
    public string Nats { get; set; } = "nats://127.0.0.1:4222";

    /// <summary>The address that other nodes reach this one at.</summary>
    public string Address { get; set; } = "127.0.0.1";

    /// <summary>The port that other nodes reach this one at.</summary>
    public int SiloPort { get; set; } = 11111;

    /// <summary>Whether this node has a GPU, or whatever carries cameras; one without carries none, and may still serve the page.</summary>
    public bool HasGpu { get; set; } = true;

    /// <summary>Cameras that this node carries, 1 or more, as <see cref="FleetCapacity"/> finds it. Can be changed while it runs
    /// (<see cref="FleetCameras.SetCapacityAsync"/>).</summary>
    public int Capacity { get; set; } = 1;

    /// <summary>Folder of the node's own, for alarms that NATS does not have yet.</summary>
    public string DataFolder { get; set; } = "fleet-data";

    /// <summary>Alarms that may wait for NATS, 1 or more. When there are more, the oldest are dropped, and counted.</summary>
    public int MaxQueuedAlarms { get; set; } = 20_000;

    /// <summary>Time between two messages of what a camera sees, 0.1 s or more.</summary>
    public TimeSpan ResultInterval { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>How long JetStream keeps alarms.</summary>
    public TimeSpan AlarmRetention { get; set; } = TimeSpan.FromDays(7);

    /// <summary>Time after which a node that does not answer was missed once, 0.1 s or more; one that hangs is taken for dead after twice this time
    /// for each of <see cref="MissedProbes"/>. Shorter finds dead nodes earlier, and takes busy ones for dead.</summary>
    public TimeSpan ProbeTimeout { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>How often in a row a node is missed before it is taken for dead, 1 or more.</summary>
    public int MissedProbes { get; set; } = 2;

    internal void Validate()
    {
        if (Node.Length == 0)
        {
            Node = Environment.MachineName;
        }

        FleetNames.ThrowIfNone(Cluster, nameof(Cluster));
        FleetNames.ThrowIfNone(Node, nameof(Node));
        ThrowIf(!IPAddress.TryParse(Address, out _), nameof(Address), Address, "an IP address");
        ThrowIf(SiloPort is < 1 or > 65535, nameof(SiloPort), SiloPort, "1 to 65535");
        ThrowIf(Capacity < 1, nameof(Capacity), Capacity, "1 or more");
        ThrowIf(MaxQueuedAlarms < 1, nameof(MaxQueuedAlarms), MaxQueuedAlarms, "1 or more");
        ThrowIf(ResultInterval < TimeSpan.FromSeconds(0.1), nameof(ResultInterval), ResultInterval, "00:00:00.1 or more");
        ThrowIf(AlarmRetention < TimeSpan.FromMinutes(1), nameof(AlarmRetention), AlarmRetention, "00:01:00 or more");
        ThrowIf(ProbeTimeout < TimeSpan.FromSeconds(0.1), nameof(ProbeTimeout), ProbeTimeout, "00:00:00.1 or more");
        ThrowIf(MissedProbes < 1, nameof(MissedProbes), MissedProbes, "1 or more");
        ThrowIf(string.IsNullOrWhiteSpace(DataFolder), nameof(DataFolder), DataFolder, "a folder");
        ThrowIf(!Uri.TryCreate(Nats, UriKind.Absolute, out _), nameof(Nats), Nats, "an address such as nats://127.0.0.1:4222");
    }

    private static void ThrowIf(bool isWrong, string name, object value, string wanted)
    {
        if (isWrong)
        {
            throw new ArgumentException($"{name} is '{value}'; wanted is {wanted}.", name);
        }
    }
}
