namespace YoloZeroCopy;

/// <summary>How a detector is opened. The defaults suit files and a camera or two; every number is checked on opening.</summary>
/// <remarks>Copied when opening begins: what is changed later changes no detector.</remarks>
public record DetectorOptions
{
    /// <summary>
    /// What metrics and logs call the detector, as its tag <c>detector</c>; null takes a running number. Detectors that run at the same time should
    /// differ in it.
    /// </summary>
    public string? Name { get; set; }

    /// <summary>Device to run on.</summary>
    public Device Device { get; set; } = Device.Auto;

    /// <summary>
    /// Of several devices, whether those that cannot be opened are left out: <see cref="Warning"/> and <see cref="YoloDetector.Device"/> say which,
    /// and why. Off by default: opening is refused then, and the exception names the device.
    /// </summary>
    public bool AllowMissingDevices { get; set; }

    /// <summary>Largest number of frames in one run of the model; 0 takes what the model is fixed to, else 8 on CUDA and 1 on the CPU.</summary>
    public int MaxBatch { get; set; }

    /// <summary>
    /// How long a batch that is not full may wait for more frames, from when its first came. Zero, the default, never waits: what is there when a
    /// lane is free goes. Less than
    /// <see cref="MaxFrameAge"/>, and for batches that <see cref="QueueCapacity"/> can fill. Where all frames lie in slots, nothing waits for more
    /// frames than there are <see cref="Slots"/>.
    /// </summary>
    public TimeSpan MaxBatchDelay { get; set; }

    /// <summary>
    /// Time from submit to result that batches are made for: they are as large as results within it allow, so that the rate is the highest at which
    /// it holds. Where more frames come than that, or where one frame alone takes longer, they are as large as gives the highest rate.
    /// <see cref="DetectorStatistics.BatchLimit"/> says how large. Zero, the default, gives a lane all that waits, up to <see cref="MaxBatch"/>.
    /// Longer than <see cref="MaxBatchDelay"/>, which then ends early where the goal asks for it.
    /// </summary>
    public TimeSpan LatencyGoal { get; set; }

    /// <summary>Batches in flight at once, on each of several devices; 0 chooses for the device: six on CUDA, one for every four
    /// <see cref="Threads"/> on the CPU.</summary>
    public int Lanes { get; set; }

    /// <summary>
    /// Number of slots; 0 takes enough to fill every lane and one batch more. Where frames lie in memory of the caller's
    /// (<see cref="ExternalFrame"/>), 1 saves that memory.
    /// </summary>
    public int Slots { get; set; }

    /// <summary>
    /// Bytes of the largest frame on the host, as <see cref="FrameFormat.ByteCount"/> gives it. The default holds 1920x1080 in 24-bit colour. Frames
    /// on the device may be larger.
    /// </summary>
    public int SlotBytes { get; set; } = 1920 * 1080 * 3;

    /// <summary>
    /// In what memory slots lie and how their frames come to a GPU. On the CPU nothing is transferred, and a mode other than the default is refused;
    /// where <see cref="Device.Auto"/> falls back to the CPU it has no meaning.
    /// </summary>
    public TransferMode TransferMode { get; set; }

    /// <summary>
    /// Most bytes that may be page-locked on a GPU's behalf: no other program has them, and they are never swapped out. More is refused on opening.
    /// Null, the default, takes three quarters of what the system and the control group can give then; more than all of it is always refused. Memory
    /// that is registered later is not counted.
    /// </summary>
    public long? PageLockedLimit { get; set; }

    /// <summary>What happens when frames come faster than they are handled.</summary>
    public OverflowPolicy Overflow { get; set; } = OverflowPolicy.Wait;

    /// <summary>
    /// Frames of one source that may wait for a lane before a dropping <see cref="Overflow"/> policy drops one of them, with DropNewest less than
    /// <see cref="Slots"/>; 0 takes one batch. Without a dropping policy the slots are the limit and this must be 0.
    /// </summary>
    public int QueueCapacity { get; set; }

    /// <summary>
    /// A frame older than this when its turn comes is dropped, counted from its capture, whatever stands before it. Zero, the default, keeps frames
    /// of any age.
    /// </summary>
    public TimeSpan MaxFrameAge { get; set; }

    /// <summary>Detections with a score up to this are left out.</summary>
    public float ScoreThreshold { get; set; } = 0.25f;

    /// <summary>
    /// Of two boxes of one class that overlap by more than this (intersection over union) the one with the lower score is left out.
    /// </summary>
    public float IouThreshold { get; set; } = 0.7f;

    /// <summary>Most detections of one frame, on CUDA up to 1,024; those with the highest scores are kept.</summary>
    public int MaxDetections { get; set; } = 300;

    /// <summary>Compares boxes of all classes with each other, so that one place has one detection.</summary>
    public bool ClassAgnostic { get; set; }

    /// <summary>
    /// Ids of the classes to look for, each once; null, the default, for all. A place that is most like another class is left out, and that before
    /// overlapping boxes are, as Ultralytics does it.
    /// </summary>
    public IReadOnlyList<int>? Classes { get; set; }

    /// <summary>
    /// Width and height in pixels of the model's input, or the side of a square; null takes what the model's metadata says. A model with a fixed
    /// input takes only that; of a TensorRT engine with several profiles the smallest that is at least as large is taken.
    /// </summary>
    public ModelInputSize? InputSize { get; set; }

    /// <summary>
    /// Sizes of the model's input, up to 8, that the detector is made ready for, instead of one <see cref="InputSize"/>: every frame runs at the
    /// smallest at which it is scaled down least, or not at all, or at that of its source (<see cref="SourceOptions.InputSize"/>). For models whose
    /// input is not fixed, and TensorRT engines with a profile for each. Null, the default, is for one size.
    /// </summary>
    public IReadOnlyList<ModelInputSize>? InputSizes { get; set; }

    /// <summary>
    /// Whether the model's graph may be changed in memory when it is opened, so that it runs faster and detects the same; <see
    /// cref="YoloDetector.GraphChanges"/> says what was. On by default. On the CPU the end of a head is left to the library, which computes it for
    /// candidates only.
    /// </summary>
    public bool RewriteGraph { get; set; } = true;

    /// <summary>
    /// Precision in which an ONNX model is computed on CUDA, whatever its file is in. The CPU computes in the file's own, a TensorRT engine in what
    /// it was built for.
    /// </summary>
    public Precision Precision { get; set; }

    /// <summary>Threads the engine computes with on the CPU; 0 takes one per core.</summary>
    public int Threads { get; set; }

    /// <summary>How threads wait for a GPU.</summary>
    public WaitMode WaitMode { get; set; } = WaitMode.Block;

    /// <summary>
    /// Lets the code behind an <c>await</c> of a result run on the thread that brings results, instead of a thread of the pool whose wake-up takes
    /// tens of microseconds. That code must be short and must not wait for other results: those behind it come later by as long as it runs. Off by
    /// default.
    /// </summary>
    public bool AllowSynchronousContinuations { get; set; }

    /// <summary>
    /// Told, in sentences for a log, what is wrong and throws no exception: a wait for a slot that nothing can end, listeners and continuations that
    /// throw, a detector that nobody disposed. Called on a thread of the pool; what it throws is ignored. It lives as long as the detector's threads:
    /// one that refers to the detector keeps it from being collected. Null writes to <see cref="System.Diagnostics.Trace"/>.
    /// </summary>
    public Action<string>? Warning { get; set; }

    /// <summary>
    /// Part of the planned device memory that must be free on top of it when a GPU is opened, for what engines take beyond the plan.
    /// </summary>
    public double MemoryMargin { get; set; } = 0.3;

    /// <summary>
    /// Decoders on the device, at work at one time, of the sources that will come and go: opening counts them in the memory plan, and allocates what
    /// they would take of the detector's memory. More of them, and others, take theirs when they begin. Null, the default, expects none. They decode
    /// on CUDA: with <see cref="Device.Cpu"/> they are refused, and have no meaning where <see cref="Device.Auto"/> falls back to it.
    /// </summary>
    public IReadOnlyList<ExpectedDecoders>? ExpectedDecoders { get; set; }

    /// <summary>
    /// Takes fewer <see cref="Lanes"/> and then a smaller <see cref="MaxBatch"/> than wanted where memory does not suffice, instead of refusing to
    /// open. <see cref="YoloDetector.Device"/> and <see cref="Warning"/> say so. Off by default.
    /// </summary>
    public bool ShrinkToFit { get; set; }

    /// <summary>
    /// File of ONNX Runtime's native library; null looks at <c>YZC_ONNXRUNTIME</c>, then beside the application, then in the system.
    /// </summary>
    public string? OnnxRuntimePath { get; set; }

    /// <summary>
    /// File or folder of cuDNN's native library, for ONNX models on CUDA; null looks at <c>YZC_CUDNN</c>, then beside the application, then in the
    /// system.
    /// </summary>
    public string? CudnnPath { get; set; }

    /// <summary>
    /// Folder in which what was compiled for a device is kept, so that the next opening on this machine takes a part of the time; several processes
    /// may share it, and it may be deleted at any time. Null takes <c>YoloZeroCopy/engines</c> in the user's cache folder, an empty text keeps
    /// nothing. Who can write to it can change what runs on the device.
    /// </summary>
    public string? EngineCacheFolder { get; set; }

    /// <summary>
    /// Whether a first opening on a machine may end when the largest batch is compiled, and the smaller sizes follow while frames run, on threads of
    /// low priority: until then small batches take as long as the largest, and
    /// <see cref="DetectorStatistics.MissingBatchSizes"/> is not 0. On by default; off, or where nothing is to be compiled, every size is ready when
    /// the detector is open. It is for CUDA's engine in half precision, the only one that compiles long.
    /// </summary>
    public bool CompileInBackground { get; set; } = true;

    /// <summary>
    /// How long what is compiled behind frames is put off: a program that opens, looks at a picture and ends need not wait for what it has begun,
    /// which nothing can break off.
    /// </summary>
    internal TimeSpan CompileAfter { get; set; } = TimeSpan.FromSeconds(0.5);

    /// <summary>
    /// File or folder of TensorRT, for engines; null looks at <c>YZC_TENSORRT</c>, then beside the application, then in the system.
    /// </summary>
    public string? TensorRtPath { get; set; }

    /// <summary>
    /// File or folder of the TensorRT shim; null looks at <c>YZC_TENSORRT_SHIM</c>, then beside the application, then in the system.
    /// </summary>
    public string? TensorRtShimPath { get; set; }

    /// <summary>
    /// Whether a version-compatible TensorRT engine may run the code for the processor that it carries, which it needs under another version than it
    /// was built with. Only for trusted files.
    /// </summary>
    public bool TensorRtHostCodeAllowed { get; set; }

    /// <summary>
    /// Whether operators of this library stand in for ONNX Runtime's own on CUDA where they are faster, today SiLU. On by default; off runs the
    /// runtime's own, to compare, or where a version of it that was not tried misbehaves. The CPU and TensorRT have none to replace.
    /// </summary>
    public bool ReplaceOperators { get; set; } = true;

    internal void Validate()
    {
        ThrowIfOutside(MaxBatch, 0, 256, nameof(MaxBatch));
        ThrowIfOutside(Lanes, 0, 16, nameof(Lanes));
        ThrowIfOutside(Slots, 0, 4096, nameof(Slots));
        ThrowIfOutside(SlotBytes, 1, int.MaxValue, nameof(SlotBytes));
        ThrowIfOutside(QueueCapacity, 0, 4096, nameof(QueueCapacity));
        ThrowIfOutside(MaxDetections, 1, 30000, nameof(MaxDetections));
        ThrowIfOutside(Threads, 0, 1024, nameof(Threads));
        ThrowIfOutside(MaxBatchDelay, TimeSpan.Zero, TimeSpan.FromMinutes(1), nameof(MaxBatchDelay));
        ThrowIfOutside(LatencyGoal, TimeSpan.Zero, TimeSpan.FromMinutes(1), nameof(LatencyGoal));
        ThrowIfOutside(MaxFrameAge, TimeSpan.Zero, TimeSpan.FromHours(1), nameof(MaxFrameAge));
        ThrowIfOutside(ScoreThreshold, 0f, 1f, nameof(ScoreThreshold));
        ThrowIfOutside(IouThreshold, 0f, 1f, nameof(IouThreshold));
        ThrowIfOutside(MemoryMargin, 0.0, 10.0, nameof(MemoryMargin));
        ThrowIfNoClasses();
        if (Name is not null && string.IsNullOrWhiteSpace(Name))
        {
            throw new ArgumentException($"{nameof(Name)} is blank; null takes a running number.", nameof(Name));
        }

        if (!Enum.IsDefined(WaitMode))
        {
            throw new ArgumentOutOfRangeException(
                nameof(WaitMode), WaitMode, $"{nameof(WaitMode)} is {WaitMode}; {string.Join(", ", Enum.GetNames<WaitMode>())} are wanted.");
        }

        if (!Enum.IsDefined(TransferMode))
        {
            throw new ArgumentOutOfRangeException(
                nameof(TransferMode), TransferMode,
                $"{nameof(TransferMode)} is {TransferMode}; {string.Join(", ", Enum.GetNames<TransferMode>())} are wanted.");
        }

        if (PageLockedLimit is long limit)
        {
            ThrowIfOutside(limit, 1, long.MaxValue, nameof(PageLockedLimit));
        }

        if (!Enum.IsDefined(Overflow))
        {
            throw new ArgumentOutOfRangeException(
                nameof(Overflow), Overflow, $"{nameof(Overflow)} is {Overflow}; {string.Join(", ", Enum.GetNames<OverflowPolicy>())} are wanted.");
        }

        if (Overflow == OverflowPolicy.Wait && QueueCapacity != 0)
        {
            throw new ArgumentException($"{nameof(QueueCapacity)} is {QueueCapacity}, which goes with an {nameof(Overflow)} that drops frames; with "
                + $"{OverflowPolicy.Wait} the number of {nameof(Slots)} is the limit.", nameof(QueueCapacity));
        }

        foreach (ExpectedDecoders decoders in ExpectedDecoders ?? [])
        {
            decoders.Validate();
        }

        ThrowIfContradictory();
        if (InputSize is (int width, int height))
        {
            ThrowIfOutside(width, 1, FrameFormat.MaxSize, nameof(InputSize));
            ThrowIfOutside(height, 1, FrameFormat.MaxSize, nameof(InputSize));
        }

        ThrowIfWrongSizes();
    }

    /// <summary>Numbers that are right by themselves and wrong together. Those left to us are chosen to fit.</summary>
    private void ThrowIfContradictory()
    {
        if (Overflow == OverflowPolicy.DropNewest && Slots != 0 && QueueCapacity >= Slots)
        {
            throw new ArgumentException(
                $"{nameof(QueueCapacity)} is {QueueCapacity} and {nameof(Slots)} {Slots}: the queue could never be full, and "
                    + $"{nameof(OverflowPolicy.DropNewest)} drop nothing. "
                + "It takes more slots than frames that may wait.",
                nameof(QueueCapacity));
        }

        if (Device == Device.Cpu && TransferMode != TransferMode.PageLocked)
        {
            throw new ArgumentException(
                $"{nameof(TransferMode)} is {TransferMode}, and {nameof(Device)} the CPU, where no frame is transferred.", nameof(TransferMode));
        }

        if (Device == Device.Cpu && ExpectedDecoders is { Count: > 0 })
        {
            throw new ArgumentException(
                $"{nameof(ExpectedDecoders)} are given, and {nameof(Device)} is the CPU, where no device decodes.", nameof(ExpectedDecoders));
        }

        if (MaxBatchDelay == TimeSpan.Zero)
        {
            return;
        }

        if (MaxFrameAge != TimeSpan.Zero && MaxBatchDelay >= MaxFrameAge)
        {
            throw new ArgumentException(
                $"{nameof(MaxBatchDelay)} is {MaxBatchDelay} and {nameof(MaxFrameAge)} {MaxFrameAge}: a frame that waits alone for company would "
                    + $"always be dropped. The delay must be shorter.",
                nameof(MaxBatchDelay));
        }

        if (LatencyGoal != TimeSpan.Zero && MaxBatchDelay >= LatencyGoal)
        {
            throw new ArgumentException(
                $"{nameof(MaxBatchDelay)} is {MaxBatchDelay} and {nameof(LatencyGoal)} {LatencyGoal}: a frame that waits alone for company would "
                    + "always miss the goal. The delay must be shorter.",
                nameof(MaxBatchDelay));
        }

        if (QueueCapacity != 0 && QueueCapacity < MaxBatch)
        {
            throw new ArgumentException(
                $"{nameof(MaxBatchDelay)} waits for batches of {nameof(MaxBatch)} {MaxBatch}, and {nameof(QueueCapacity)} lets "
                    + $"{QueueCapacity} frames wait: no batch could fill.",
                nameof(MaxBatchDelay));
        }
    }

    // What the model's stride wants of them is known when it is open.
    private void ThrowIfWrongSizes()
    {
        if (InputSizes is null)
        {
            return;
        }

        if (InputSize is not null)
        {
            throw new ArgumentException(
                $"{nameof(InputSize)} is {InputSize} and {nameof(InputSizes)} {string.Join(", ", InputSizes)}; one of them is wanted.",
                nameof(InputSizes));
        }

        if (InputSizes.Count is < 1 or > YoloZeroCopy.InputSizes.Most)
        {
            throw new ArgumentException(
                $"{nameof(InputSizes)} has {InputSizes.Count} sizes; 1 to {YoloZeroCopy.InputSizes.Most} are wanted, or null for the model's own.",
                nameof(InputSizes));
        }

        for (int index = 0; index < InputSizes.Count; index++)
        {
            ThrowIfOutside(InputSizes[index].Width, 1, FrameFormat.MaxSize, nameof(InputSizes));
            ThrowIfOutside(InputSizes[index].Height, 1, FrameFormat.MaxSize, nameof(InputSizes));
            if (InputSizes.Take(index).Contains(InputSizes[index]))
            {
                throw new ArgumentException($"{nameof(InputSizes)} has {InputSizes[index]} twice.", nameof(InputSizes));
            }
        }
    }

    /// <summary>The sizes that are asked for; none where that is left to the model.</summary>
    internal InputSizes? AskedSizes => InputSizes is not null ? YoloZeroCopy.InputSizes.Of(InputSizes)
        : InputSize is ModelInputSize one ? YoloZeroCopy.InputSizes.Of(one) : null;

    // Which ids the model has is known when it is open.
    private void ThrowIfNoClasses()
    {
        if (Classes is null)
        {
            return;
        }

        if (Classes.Count == 0)
        {
            throw new ArgumentException($"{nameof(Classes)} is empty, so that nothing could be found; null is for all classes.", nameof(Classes));
        }

        HashSet<int> seen = [];
        foreach (int classId in Classes)
        {
            if (classId < 0)
            {
                throw new ArgumentOutOfRangeException(nameof(Classes), classId, $"{nameof(Classes)} has {classId}; ids begin at 0.");
            }

            if (!seen.Add(classId))
            {
                throw new ArgumentException($"{nameof(Classes)} has {classId} twice.", nameof(Classes));
            }
        }
    }

    internal static void ThrowIfOutside<T>(T value, T least, T most, string name)
        where T : IComparable<T>
    {
        // Written so that NaN, which compares below everything, is refused.
        if (!(value.CompareTo(least) >= 0 && value.CompareTo(most) <= 0))
        {
            throw new ArgumentOutOfRangeException(name, value, FormattableString.Invariant($"{name} is {value}; {least} to {most} is wanted."));
        }
    }
}
