using System.ComponentModel;

namespace YoloZeroCopy;

/// <summary>
/// In what memory slots lie, and how their frames come to a GPU. Results are the same in every mode. <c>yzc bench --transfer-modes</c> measures all
/// of them on a machine; docs/memory.md says when to use which.
/// </summary>
/// <remarks>Frames in registered memory are always read by DMA, and those on the device where they lie.</remarks>
[TypeConverter(typeof(NamedValueConverter<TransferMode>))]
public enum TransferMode
{
    /// <summary>
    /// Page-locked memory, copied by DMA while the batches before are computed; a slot is free when its frame is on the device. Right for GPUs with a
    /// memory of their own.
    /// </summary>
    PageLocked,

    /// <summary>
    /// The modes are tried when the detector is opened, with its own engine and batches on frames of <see cref="DetectorOptions.SlotBytes"/>, and the
    /// best is taken; <see cref="YoloDetector.Device"/> says which and why. What was chosen is kept in
    /// <see cref="DetectorOptions.EngineCacheFolder"/>. Not tried are <see cref="WriteCombined"/>, which only a producer that never reads may use,
    /// and <see cref="Pageable"/>.
    /// </summary>
    Auto,

    /// <summary>
    /// Page-locked memory that the processor does not cache, copied by DMA. On some machines the DMA is faster, on others much slower. Write frames
    /// in order; reading one, such as for drawing on it, is slow beyond use.
    /// </summary>
    WriteCombined,

    /// <summary>
    /// Page-locked memory that the preprocessing kernel reads over the bus, each byte that it needs and no copy; a slot is free with its result.
    /// Right for GPUs that share the host's memory, such as Jetson's, and where a large frame becomes a small input.
    /// </summary>
    Mapped,

    /// <summary>
    /// Managed memory, whose pages the driver copies to the device before a batch and takes away again when a producer writes; a slot is free with
    /// its result. Takes its size on the device, too. It spares the system page-locked memory, and costs a fault for each page that is written.
    /// </summary>
    Managed,

    /// <summary>
    /// Ordinary memory, which the driver copies to memory of its own before each DMA, on the thread that starts batches. Only to compare with, and
    /// where memory cannot be page-locked.
    /// </summary>
    Pageable,
}
