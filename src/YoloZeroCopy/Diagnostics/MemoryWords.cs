namespace YoloZeroCopy;

/// <summary>What memory is for.</summary>
public enum MemoryItem
{
    /// <summary>Slots, into which frames are written.</summary>
    Slots,

    /// <summary>Frames on the device, where the batches in flight are uploaded to.</summary>
    Frames,

    /// <summary>Input tensors; none where the engine's first layer reads frames.</summary>
    Inputs,

    /// <summary>Output tensors.</summary>
    Outputs,

    /// <summary>Detections, and what describes a batch's frames, of the batches in flight.</summary>
    Results,

    /// <summary>The model's weights.</summary>
    Weights,

    /// <summary>What the engine computes between input and output.</summary>
    Activations,

    /// <summary>Memory that kernels work in beside activations: the engine's, and that of decoding results.</summary>
    Workspace,

    /// <summary>Captured CUDA graphs.</summary>
    Graphs,

    /// <summary>Code, tables and caches of the engine's libraries.</summary>
    Libraries,

    /// <summary>CUDA's context: what a process takes of a device before anything is allocated.</summary>
    Context,

    /// <summary>What decoders on the device take for themselves: of NVDEC the pictures, of nvJPEG what it works in.</summary>
    DecoderSurfaces,

    /// <summary>Pictures of nvJPEG on the device, in <see cref="YoloDetector.DecoderMemory"/>.</summary>
    DecoderPictures,

    /// <summary>Programs that decode videos on the processor.</summary>
    DecoderPrograms,
}

/// <summary>Where memory lies.</summary>
public enum MemoryPlace
{
    /// <summary>A GPU's memory.</summary>
    Device,

    /// <summary>The host's memory, page-locked so that a GPU reads it.</summary>
    Pinned,

    /// <summary>The host's memory.</summary>
    Host,
}

/// <summary>How the size of memory is known.</summary>
public enum MemoryEvidence
{
    /// <summary>Reckoned from sizes; exact where the memory is the library's own, else from measurements on other models or machines.</summary>
    Formula,

    /// <summary>Said by the engine or the driver that takes it.</summary>
    Reported,

    /// <summary>Measured on this model and machine.</summary>
    Measured,
}

/// <summary>Parts of a plan in words.</summary>
internal static class MemoryWords
{
    public static string Of(MemoryItem item) => item switch
    {
        MemoryItem.Inputs => "input tensors",
        MemoryItem.Outputs => "output tensors",
        MemoryItem.Graphs => "captured graphs",
        MemoryItem.Context => "CUDA context",
        MemoryItem.DecoderSurfaces => "decoder surfaces",
        MemoryItem.DecoderPictures => "decoder pictures",
        MemoryItem.DecoderPrograms => "decoder programs",
        _ => item.ToString().ToLowerInvariant(),
    };

    public static string Of(MemoryPlace place) => place == MemoryPlace.Pinned ? "page-locked" : place.ToString().ToLowerInvariant();

    public static string Of(MemoryEvidence evidence) => evidence.ToString().ToLowerInvariant();
}
