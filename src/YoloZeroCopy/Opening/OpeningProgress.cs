namespace YoloZeroCopy;

/// <summary>What opening a detector does, in this order.</summary>
public enum OpeningStep
{
    /// <summary>The model's file or bytes are read and checked.</summary>
    ReadModel = 0,

    /// <summary>The engine is loaded on its device.</summary>
    LoadEngine = 1,

    /// <summary>
    /// On CUDA the model's convolutions are compiled for the device, or read from <see cref="DetectorOptions.EngineCacheFolder"/>; not for engines
    /// that bring their own.
    /// </summary>
    CompileKernels = 2,

    /// <summary>With <see cref="TransferMode.Auto"/> the modes are tried, or what was chosen before is read.</summary>
    ChooseTransfer = 4,

    /// <summary>
    /// Lanes are made ready: on CUDA a context of the engine for each lane and batch bucket is made, warmed up and captured, on the CPU one for each
    /// lane.
    /// </summary>
    PrepareLanes = 3,
}

/// <summary>How far opening a detector is.</summary>
/// <param name="Step">The step.</param>
/// <param name="Done">Parts of the step that are done.</param>
/// <param name="Total">Parts of the step; where there is one, it is begun with 0 and ended with 1.</param>
/// <remarks>Where <see cref="Device.Auto"/> finds that CUDA cannot be used, the steps begin anew for the CPU.</remarks>
public readonly record struct OpeningProgress(OpeningStep Step, int Done, int Total)
{
    /// <summary>The step in words, with its numbers where it has several parts: <c>preparing lanes, 3 of 12</c>.</summary>
    public override string ToString()
    {
        string words = Step switch
        {
            OpeningStep.ReadModel => "reading the model",
            OpeningStep.LoadEngine => "loading the engine",
            OpeningStep.CompileKernels => "compiling kernels",
            OpeningStep.ChooseTransfer => "trying transfer modes",
            _ => "preparing lanes",
        };
        return Total > 1 ? $"{words}, {Done} of {Total}" : words;
    }
}
