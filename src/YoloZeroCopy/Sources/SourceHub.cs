namespace YoloZeroCopy;

/// <summary>
/// Many sources on one detector: cameras, files, whatever yields frames. They come and go while it runs, and none of them disturbs another, whatever
/// becomes of it.
/// </summary>
/// <remarks>
/// <para>
/// For each source a producer submits frames (<see cref="FrameProducer"/>), and a handler gets what was found in them (<see cref="FrameHandler"/>).
/// A producer that fails is called again after a while, or its source ends, as its options say.
/// </para>
/// <para>
/// A source has slots of its own, in memory that is registered with the detector when the first one is rented. The detector's slots are not used: one
/// is enough (<see cref="DetectorOptions.Slots"/>). Memory of sources is not in the detector's plan. The detector stays the caller's, to be disposed
/// after the hub. Any thread.
/// </para>
/// </remarks>
public sealed class SourceHub : IAsyncDisposable
{
    private readonly YoloDetector detector;
    private readonly TimeProvider clock;
    private readonly Lock gate = new();

    // Null for a name whose source is just being added.
    private readonly OrderedDictionary<string, HubSource?> sources = new(StringComparer.Ordinal);
    private int nextNumber;
    private bool isClosed;

    /// <param name="detector">The detector of all its sources.</param>
    /// <param name="firstNumber">The detector's source numbers from here on are the hub's. 0 is that of frames without one.</param>
    public SourceHub(YoloDetector detector, int firstNumber = 1)
        : this(detector, firstNumber, TimeProvider.System)
    {
    }

    internal SourceHub(YoloDetector detector, int firstNumber, TimeProvider clock)
    {
        ArgumentNullException.ThrowIfNull(detector);
        this.detector = detector;
        this.clock = clock;
        nextNumber = firstNumber;
    }

    /// <summary>The detector of all its sources.</summary>
    public YoloDetector Detector => detector;

    /// <summary>The sources now, in the order in which they were added.</summary>
    public IReadOnlyList<HubSource> Sources
    {
        get
        {
            lock (gate)
            {
                return [.. sources.Values.OfType<HubSource>()];
            }
        }
    }

    /// <summary>The source of this name; null where there is none.</summary>
    public HubSource? Find(string name)
    {
        lock (gate)
        {
            return sources.GetValueOrDefault(name);
        }
    }

    /// <summary>Adds a source, and begins to call its producer.</summary>
    /// <param name="name">Its name, for reports and <see cref="Find"/>.</param>
    /// <param name="producer">Gives its frames.</param>
    /// <param name="handler">Gets what was found.</param>
    /// <param name="options">What it is to get; null for the defaults, which suit a live camera.</param>
    /// <returns>The source. Dispose it to remove it, at any time.</returns>
    /// <exception cref="ArgumentException">An option is out of range, or contradicts another, or the name is empty.</exception>
    /// <exception cref="InvalidOperationException">A source of that name is there, or somebody else added one of its number to the
    /// detector.</exception>
    /// <exception cref="ObjectDisposedException">The hub was stopped, or the detector is disposed.</exception>
    /// <exception cref="DetectorFaultedException">The detector is faulted.</exception>
    public HubSource Add(string name, FrameProducer producer, FrameHandler handler, HubSourceOptions? options = null) =>
        Add(name, producer, handler, options, resource: null);

    /// <summary>Adds a source whose frames another process writes, into slots that both have mapped: nothing is copied, here or there.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="socketPath">
    /// File of the Unix socket to listen at, for one producer at a time (<see cref="SharedProducer"/>, or native/frames in C). A file that a process
    /// left which is gone is replaced; the folder is to be writable for nobody else.
    /// </param>
    /// <param name="handler">
    /// Gets what was found, which the producer has then, if it wants to. <see cref="SourceFrame.Timestamp"/> is the producer's. The pixels are
    /// another process's: what it writes later shows in them.
    /// </param>
    /// <param name="shared">Who may connect, and how large frames are; null for the defaults.</param>
    /// <param name="options">What it is to get; null for the defaults. <see cref="HubSourceOptions.FramesAhead"/> is the number of slots.</param>
    /// <returns>The source. It ends when it is removed; a producer that goes is followed by another one, with a new
    /// <see cref="SourceFrame.Run"/>.</returns>
    /// <remarks>
    /// Every message is checked before anything is done. A producer that breaks the protocol is cut off, told why, and makes the source
    /// <see cref="SourceState.Failed"/>; the next one is taken after <see cref="HubSourceOptions.RetryDelay"/>, as after one that gave no frame.
    /// While none is connected the source is <see cref="SourceState.Connecting"/> at first, then <see cref="SourceState.Stalled"/>. Slots of a
    /// producer that died are taken back; frames that it submitted are handled.
    /// </remarks>
    /// <exception cref="PlatformNotSupportedException">This is not 64-bit Linux.</exception>
    /// <exception cref="IOException">Another process listens there, or the socket cannot be made.</exception>
    /// <inheritdoc cref="Add(string, FrameProducer, FrameHandler, HubSourceOptions?)" path="/exception"/>
    public HubSource AddShared(
        string name, string socketPath, FrameHandler handler, SharedSourceOptions? shared = null, HubSourceOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(handler);
        ArgumentException.ThrowIfNullOrEmpty(socketPath);
        shared = shared is null ? new SharedSourceOptions() : shared with { };
        shared.Validate();
        if (shared.OnDevice && detector.CudaOrdinal is null)
        {
            throw new ArgumentException($"{nameof(SharedSourceOptions.OnDevice)} is set, and the detector does not run on CUDA: {detector.Device}.");
        }

        DetectorOptions.ThrowIfOutside(shared.SlotBytes, 0, detector.SlotBytes, nameof(SharedSourceOptions.SlotBytes));
        SharedSource source = new(socketPath, shared, detector.SlotBytes, handler);
        try
        {
            // Whoever comes next is a new call of the producer.
            return Add(name, source.ProduceAsync, source.HandleAsync, (options ?? new HubSourceOptions()) with { Repeats = true }, source);
        }
        catch
        {
            source.Dispose();
            throw;
        }
    }

    private HubSource Add(string name, FrameProducer producer, FrameHandler handler, HubSourceOptions? options, IDisposable? resource)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentNullException.ThrowIfNull(producer);
        ArgumentNullException.ThrowIfNull(handler);
        options = options is null ? new HubSourceOptions() : options with { };
        options.Validate();
        int number;
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(isClosed, this);
            if (!sources.TryAdd(name, null))
            {
                throw new InvalidOperationException($"A source '{name}' is there; remove that one first.");
            }

            number = nextNumber++;
        }

        FrameSource? frameSource = null;
        try
        {
            frameSource = detector.AddSource(number, options);
            HubSource source = new(this, name, detector, frameSource, producer, handler, options, resource, clock);
            lock (gate)
            {
                ObjectDisposedException.ThrowIf(isClosed, this);
                source.Start();
                sources[name] = source;
            }

            return source;
        }
        catch
        {
            frameSource?.Dispose();
            lock (gate)
            {
                _ = sources.Remove(name);
            }

            throw;
        }
    }

    /// <summary>Removes all sources, and takes no more.</summary>
    /// <param name="drain">As of <see cref="HubSource.RemoveAsync"/>.</param>
    /// <returns>A task that ends when all are removed. Producers and handlers must not wait for it.</returns>
    public Task StopAsync(bool drain)
    {
        IReadOnlyList<HubSource> all;
        lock (gate)
        {
            isClosed = true;
            all = Sources;
        }

        return Task.WhenAll(all.Select(source => source.RemoveAsync(drain)));
    }

    /// <summary>Removes all sources without draining them. The detector stays.</summary>
    public ValueTask DisposeAsync() => new(StopAsync(drain: false));

    internal void Forget(HubSource source)
    {
        lock (gate)
        {
            _ = sources.Remove(source.Name);
        }
    }
}
