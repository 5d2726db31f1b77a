namespace YoloZeroCopy.Cuda;

/// <summary>What part of the machine undoes a JPEG's Huffman code. The rest is done by the device, always.</summary>
public enum CudaJpegBackend
{
    /// <summary>nvJPEG chooses.</summary>
    Automatic = 0,

    /// <summary>The processor, on the thread that calls.</summary>
    Processor = 1,

    /// <summary>The device's multiprocessors.</summary>
    Multiprocessors = 2,

    /// <summary>The device's JPEG engines, which data-centre devices from A100 on have.</summary>
    Engine = 3,
}
