using YoloZeroCopy.Server.Protocol;

namespace YoloZeroCopy.Server;

/// <summary>The regions of all clients, in one space of names for both kinds. Any thread.</summary>
internal sealed class SharedRegions(DetectionServerOptions options, ModelRepository models) : IDisposable
{
    private const int MaxRegions = 1024;
    private const int MaxNameLength = 256;

    private readonly Lock gate = new();
    private readonly Dictionary<string, SharedRegion> regions = new(StringComparer.Ordinal);

    /// <summary>Finds one for use; whoever has it calls <see cref="SharedRegion.Leave"/>.</summary>
    /// <exception cref="RequestException">There is none, or shared memory is not served.</exception>
    public SharedRegion Enter(string name)
    {
        ThrowIfNotServed();
        lock (gate)
        {
            return regions.TryGetValue(name, out SharedRegion? region) && region.TryEnter() ? region : throw Unknown(name);
        }
    }

    public void Register(SystemSharedMemoryRegisterRequest request)
    {
        ThrowIfNotServed();
        Add(request.Name, () => SystemRegion.Open(request.Name, request.Key, request.Offset, request.ByteSize));
    }

    public void Register(CudaSharedMemoryRegisterRequest request)
    {
        ThrowIfNotServed();

        // Of a device that no model uses nothing is opened: its context alone takes hundreds of megabytes.
        if (!models.Models.Any(model => model.Detector?.CudaOrdinal == request.DeviceId))
        {
            throw RequestException.Invalid($"No model of this server runs on CUDA device {request.DeviceId}.");
        }

        Add(request.Name, () => CudaRegion.Open(request.Name, request.RawHandle.Span, (int)request.DeviceId, request.ByteSize));
    }

    /// <summary>Takes one away, or all of a kind where the name is empty.</summary>
    public void Unregister<T>(string name)
        where T : SharedRegion
    {
        ThrowIfNotServed();
        List<SharedRegion> gone = [];
        lock (gate)
        {
            gone.AddRange(regions.Values.Where(region => region is T && (name.Length == 0 || region.Name == name)));
            foreach (SharedRegion region in gone)
            {
                _ = regions.Remove(region.Name);
            }
        }

        foreach (SharedRegion region in gone)
        {
            region.Unregister();
        }
    }

    /// <summary>One, or all of a kind where the name is empty.</summary>
    public IReadOnlyList<T> List<T>(string name)
        where T : SharedRegion
    {
        ThrowIfNotServed();
        lock (gate)
        {
            T[] found = [.. regions.Values.OfType<T>().Where(region => name.Length == 0 || region.Name == name)];
            return found.Length > 0 || name.Length == 0 ? found : throw Unknown(name);
        }
    }

    public void Dispose()
    {
        SharedRegion[] all;
        lock (gate)
        {
            all = [.. regions.Values];
            regions.Clear();
        }

        foreach (SharedRegion region in all)
        {
            region.Unregister();
        }
    }

    private static RequestException Unknown(string name) =>
        new(Refusal.NotFound, $"There is no region '{ModelRepository.Echo(name)}' of shared memory.");

    private void ThrowIfNotServed()
    {
        if (!options.SharedMemory)
        {
            throw new RequestException(Refusal.Forbidden, "This server was started without shared memory.");
        }
    }

    private void Add(string name, Func<SharedRegion> open)
    {
        if (name.Length is 0 or > MaxNameLength)
        {
            throw RequestException.Invalid($"The region's name has {name.Length} characters; 1 to {MaxNameLength} are wanted.");
        }

        // Opened outside the lock: a driver may take its time.
        SharedRegion region = open();
        string? reason;
        lock (gate)
        {
            reason = regions.Count >= MaxRegions ? $"There are {MaxRegions} regions already, the most there may be."
                : regions.TryAdd(name, region) ? null
                : $"There is a region '{ModelRepository.Echo(name)}' already; unregister it first.";
        }

        if (reason is not null)
        {
            region.Unregister();
            throw RequestException.Invalid(reason);
        }
    }
}
