using YoloZeroCopy.Cuda;

namespace YoloZeroCopy;

public sealed partial class YoloDetector
{
    /// <summary>Loads a model and makes everything ready for the first frame.</summary>
    /// <param name="modelPath">
    /// ONNX file of a YOLO detection model, as Ultralytics exports it, or a TensorRT engine of one, which runs on CUDA only. An engine contains code:
    /// open those of trusted sources only.
    /// </param>
    /// <param name="options">How to run it; null for the defaults.</param>
    /// <remarks>
    /// On the CPU this takes a fraction of a second, on CUDA seconds: a context of the engine is made, warmed up and captured for each lane and batch
    /// bucket, so that nothing is left
    /// to be done when frames come, but for what <see cref="DetectorOptions.CompileInBackground"/> leaves at a first opening.
    /// </remarks>
    /// <exception cref="ArgumentException">An option is out of range, or the model cannot run with it; the message names both.</exception>
    /// <exception cref="ModelException">The file is missing, damaged, or no detection model.</exception>
    /// <exception cref="NativeLibraryException">
    /// ONNX Runtime, its CUDA provider, TensorRT, its shim or a library they need is missing or too old.
    /// </exception>
    /// <exception cref="CudaUnavailableException">A CUDA device was asked for, and there is no usable driver or device.</exception>
    /// <exception cref="CudaException">The driver refused something.</exception>
    /// <exception cref="DeviceException">One of several devices cannot be opened (<see cref="DetectorOptions.AllowMissingDevices"/>).</exception>
    /// <exception cref="InsufficientMemoryException">
    /// The machine or the device has less memory than <see cref="Memory"/> would say; the message holds the plan.
    /// </exception>
    public static YoloDetector Open(string modelPath, DetectorOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(modelPath);
        return Open(modelPath, Checked(options), new OpeningSteps(progress: null, CancellationToken.None));
    }

    /// <summary>Loads a model that is in memory and makes everything ready for the first frame.</summary>
    /// <param name="model">
    /// Bytes of an ONNX file or TensorRT engine, as for <see cref="Open(string, DetectorOptions?)"/>; not changed until this returns. Weights in
    /// files beside an ONNX file (external data) are refused.
    /// </param>
    /// <param name="name">What messages and <see cref="ModelInfo.Path"/> call the model.</param>
    /// <param name="options">How to run it; null for the defaults.</param>
    /// <exception cref="ArgumentException">An option is out of range, or the model cannot run with it; the message names both.</exception>
    /// <inheritdoc cref="Open(string, DetectorOptions?)" path="/exception"/>
    public static YoloDetector Open(ReadOnlyMemory<byte> model, string name, DetectorOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        return Open(ModelSource.InMemory(model, name), Checked(options), new OpeningSteps(progress: null, CancellationToken.None));
    }

    /// <summary>Loads a model and makes everything ready for the first frame, on a thread of its own.</summary>
    /// <param name="modelPath">ONNX file or TensorRT engine, as for <see cref="Open(string, DetectorOptions?)"/>.</param>
    /// <param name="options">How to run it; null for the defaults.</param>
    /// <param name="progress">
    /// Told of every part that is done, on the threads that open; null for nobody. Opening waits for it meanwhile. What it throws ends the opening,
    /// and comes from the task.
    /// </param>
    /// <param name="cancellationToken">
    /// Ends the opening between two parts of it, which take up to some seconds each on CUDA. What was made by then is freed when the task ends.
    /// </param>
    /// <returns>The detector, open; the caller disposes it.</returns>
    /// <exception cref="OperationCanceledException">From the task: cancelled.</exception>
    /// <exception cref="ArgumentException">
    /// An option is out of range, or, from the task, the model cannot run with it; the message names both.
    /// </exception>
    /// <inheritdoc cref="Open(string, DetectorOptions?)" path="/exception"/>
    public static Task<YoloDetector> OpenAsync(
        string modelPath, DetectorOptions? options = null, IProgress<OpeningProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(modelPath);
        return OpenAsync((ModelSource)modelPath, Checked(options), progress, cancellationToken);
    }

    /// <summary>Loads a model that is in memory and makes everything ready for the first frame, on a thread of its own.</summary>
    /// <param name="model">
    /// Bytes of the model, as for <see cref="Open(ReadOnlyMemory{byte}, string, DetectorOptions?)"/>; not changed until the task has ended.
    /// </param>
    /// <param name="name">What messages and <see cref="ModelInfo.Path"/> call the model.</param>
    /// <param name="options">How to run it; null for the defaults.</param>
    /// <param name="progress">Told of every part that is done, as for a file.</param>
    /// <param name="cancellationToken">Ends the opening between two parts of it, as for a file.</param>
    /// <returns>The detector, open; the caller disposes it.</returns>
    /// <inheritdoc cref="OpenAsync(string, DetectorOptions?, IProgress{OpeningProgress}?, CancellationToken)" path="/exception"/>
    public static Task<YoloDetector> OpenAsync(
        ReadOnlyMemory<byte> model,
        string name,
        DetectorOptions? options = null,
        IProgress<OpeningProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        return OpenAsync(ModelSource.InMemory(model, name), Checked(options), progress, cancellationToken);
    }

    /// <summary>Plans what a detector would take in memory, and says how many streams there is memory for, on a thread of its own.</summary>
    /// <param name="modelPath">ONNX file or TensorRT engine, as for <see cref="Open(string, DetectorOptions?)"/>.</param>
    /// <param name="options">How it would be opened; null for the defaults.</param>
    /// <param name="site">What for; null for no streams, and the device that the options name.</param>
    /// <param name="cancellationToken">Ends the wait before the planning has begun.</param>
    /// <returns>The plan, with <see cref="MemoryPlan.Budget"/> and, of it, <see cref="MemoryPlan.StreamsWithin"/>.</returns>
    /// <remarks>
    /// The engine is loaded on the device, asked, and freed again: on CUDA that takes as long as the first half of opening. With
    /// <see cref="MemoryPlanOptions.DeviceBytes"/> no device is used. A plan that does not fit is no error here.
    /// </remarks>
    /// <exception cref="ArgumentException">
    /// An option is out of range, or, from the task, the model cannot run with it, or a TensorRT engine is to be planned without its device.
    /// </exception>
    /// <inheritdoc cref="Open(string, DetectorOptions?)" path="/exception"/>
    public static Task<MemoryPlan> PlanAsync(
        string modelPath, DetectorOptions? options = null, MemoryPlanOptions? site = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(modelPath);
        options = Checked(options);
        site ??= new MemoryPlanOptions();
        site.Validate();
        return Task.Factory.StartNew(
            () => Planning.Plan(modelPath, options, site), cancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    /// <summary>
    /// Makes a detector that asks a function instead of a model, so that an application can test its own code: slots, queue, policies, order, faults
    /// and statistics are the real ones.
    /// </summary>
    /// <param name="model">What <see cref="Model"/> is to say, as from <see cref="ModelInfo.OfClasses"/>.</param>
    /// <param name="detect">What a frame shows.</param>
    /// <param name="options">
    /// How to run it; null for the defaults. <see cref="DetectorOptions.ScoreThreshold"/>, <see cref="DetectorOptions.Classes"/> and
    /// <see cref="DetectorOptions.MaxDetections"/> hold for what the function gives; overlapping boxes stay. What is about engines and devices has
    /// no meaning here.
    /// </param>
    /// <returns>The detector, open, on threads of the processor; the caller disposes it.</returns>
    /// <exception cref="ArgumentException">An option is out of range.</exception>
    public static YoloDetector FromFunction(ModelInfo model, DetectFunction detect, DetectorOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(detect);
        return FunctionOpening.Open(model, detect, Checked(options));
    }

    private static DetectorOptions Checked(DetectorOptions? options)
    {
        options = options is null ? new DetectorOptions() : options with { };
        options.Validate();
        return options;
    }

    // A thread of its own: opening blocks for seconds, and the thread pool is the application's.
    private static Task<YoloDetector> OpenAsync(
        ModelSource source, DetectorOptions options, IProgress<OpeningProgress>? progress, CancellationToken cancellationToken)
    {
        OpeningSteps steps = new(progress, cancellationToken);
        return Task.Factory.StartNew(() => Open(source, options, steps), cancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    private static YoloDetector Open(ModelSource source, DetectorOptions options, OpeningSteps steps)
    {
        int[] ordinals = options.Device.CudaOrdinals();
        return ordinals.Length > 1 ? CudaDevicesOpening.Open(source, options, ordinals, CudaDevice.Get, steps) : DeviceChoice.Run(
            source,
            options,
            (ordinal, why) => CudaOpening.Open(source, options, ordinal, why, steps),
            why => CpuOpening.Open(source, options, why, steps));
    }
}
