using YoloZeroCopy.Cuda;

namespace YoloZeroCopy;

/// <summary>
/// Looks at frames of callers' before they are taken: an address that the device cannot read would be found by the kernel, and then no frame of this
/// process could be read any more.
/// </summary>
/// <remarks>Two to four short questions to the driver for each frame on the device; any thread, no allocation.</remarks>
internal static class DeviceFrames
{
    /// <param name="device">A device of the detector that works.</param>
    /// <param name="frame">The frame.</param>
    /// <param name="home">The device that it lies on, where the detector has several and only that one can read it; else -1.</param>
    /// <returns>The frame, without its event where that has passed.</returns>
    /// <exception cref="ArgumentException">The frame lies where the detector cannot read it.</exception>
    /// <exception cref="CudaException">The driver refused, such as a handle that is no event's.</exception>
    public static ExternalFrame Check(CudaSharedResources device, in ExternalFrame frame, out int home)
    {
        home = -1;
        CudaContext context = device.Context;
        if (device.IsOneOfSeveral && frame.Memory is null)
        {
            home = HomeOf(device, frame);
            context = device.Devices[home].Context;
        }

        return Check(context, frame);
    }

    /// <inheritdoc cref="Check(CudaSharedResources, in ExternalFrame, out int)"/>
    public static ExternalFrame Check(CudaContext context, in ExternalFrame frame)
    {
        if (frame.Memory is RegisteredMemory memory)
        {
            return memory.IsPageLocked ? frame : throw new ArgumentException(
                "The memory was registered with a detector on the processor, so that its pages are not locked; register it with one on CUDA, which "
                    + "serves both.",
                nameof(frame));
        }

        FrameFormat format = frame.Format;
        if (format.PixelFormat == PixelFormat.P010 && ((frame.Address | frame.SecondPlane) & 1) != 0)
        {
            throw new ArgumentException($"Samples of P010 have two bytes: the device address 0x{frame.Address:X} must be even.", nameof(frame));
        }

        if (frame.SecondPlane == 0)
        {
            CheckRange(context, frame, frame.Address, format.ByteCount);
        }
        else
        {
            CheckRange(context, frame, frame.Address, ((format.Height - 1) * format.Stride) + format.RowBytes);
            CheckRange(context, frame, frame.SecondPlane, ((format.Rows - format.Height - 1) * format.Stride) + format.RowBytes);
        }

        return frame.ReadyEvent != 0 && context.HasPassed(new CUevent(frame.ReadyEvent)) ? frame.Ready() : frame;
    }

    // What is on none of them is told as for one device.
    private static int HomeOf(CudaSharedResources device, in ExternalFrame frame)
    {
        CudaPointerInfo info = device.Context.GetPointerInfo(frame.Address);
        if (info.Kind is CudaPointerKind.Unknown or CudaPointerKind.Host)
        {
            return device.Index;
        }

        IReadOnlyList<CudaSharedResources> devices = device.Devices;
        for (int index = 0; index < devices.Count; index++)
        {
            if (devices[index].Context.Device.Ordinal == info.DeviceOrdinal)
            {
                return index;
            }
        }

        throw new ArgumentException(
            $"The frame's device address 0x{frame.Address:X} lies on device {info.DeviceOrdinal}, and the detector runs on "
                + $"{string.Join(", ", devices.Select(static one => one.Name))}; give the frame to a detector there, or copy it.",
            nameof(frame));
    }

    private static void CheckRange(CudaContext context, in ExternalFrame frame, ulong address, int byteCount)
    {
        CudaPointerInfo info = context.GetPointerInfo(address);
        string? wrong = info.Kind switch
        {
            CudaPointerKind.Unknown =>
                "is no memory that CUDA knows: not allocated, freed by now, or ordinary host memory, which is to be registered",
            CudaPointerKind.Host => "is page-locked host memory; register it, and give the frame as one in registered memory",
            _ when info.DeviceOrdinal != context.Device.Ordinal =>
                $"lies on device {info.DeviceOrdinal}, and the detector runs on {context.Device}; give the frame to a detector there, or copy it",
            _ when info.Context != default && info.Context != context.Handle =>
                "was allocated in another context than the device's primary one, which the detector uses; make it in that one "
                    + "(cuDevicePrimaryCtxRetain, ManagedCuda's PrimaryContext, or any library on CUDA's runtime)",
            _ when info.RangeBytes != 0 && (ulong)byteCount > info.RangeStart + info.RangeBytes - address =>
                $"has {info.RangeStart + info.RangeBytes - address} bytes up to the end of its allocation, and {byteCount} are read of a frame of "
                    + $"{frame.Format}",
            _ => null,
        };
        if (wrong is not null)
        {
            throw new ArgumentException($"The frame's device address 0x{address:X} {wrong}.", nameof(frame));
        }
    }
}
