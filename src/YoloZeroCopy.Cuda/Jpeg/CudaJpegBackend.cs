namespace YoloZeroCopy.Cuda;

/// <summary>What part of the machine undoes a JPEG's Huffman code. The rest is done by the device, always.</summary>
public enum CudaJpegBackend
{
    /// <summary><see cref="Engine"/> where the device has one, else what nvJPEG chooses.</summary>
    Automatic = 0,

    /// <summary>The processor, on the thread that calls.</summary>
    Processor = 1,

    /// <summary>The device's multiprocessors.</summary>
    Multiprocessors = 2,

    /// <summary>The device's JPEG engines, which A100, A30 and devices from Ada and Hopper on have; pictures of 4:1:1 and 4:1:0, which they do not
    /// take, are left to what nvJPEG chooses.</summary>
    Engine = 3,
}
