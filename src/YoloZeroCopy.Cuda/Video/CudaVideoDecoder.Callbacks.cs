using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using YoloZeroCopy.Cuda.Interop;

namespace YoloZeroCopy.Cuda;

/// <summary>What the parser calls, inside Parse and on its thread. No exception crosses native code: it is kept, and thrown behind the
/// call.</summary>
public sealed unsafe partial class CudaVideoDecoder
{
    private const int MaxPictures = 32;

    // How long a change of size waits for pictures that are held, before a new decoder is made for the new size.
    private static readonly TimeSpan LongestWaitForFrames = TimeSpan.FromSeconds(1);

    private readonly Picture[] pictures = new Picture[MaxPictures];
    private CancellationToken cancellation;
    private ExceptionDispatchInfo? failure;
    private long decoded;
    private long lastIntra;
    private long lastDamaged = -1;

    [UnmanagedCallersOnly]
    internal static int OnSequence(void* user, CUVIDEOFORMAT* format) =>
        Call(user, (nint)format, static (decoder, format) => decoder.BeginSequence((CUVIDEOFORMAT*)format));

    [UnmanagedCallersOnly]
    internal static int OnDecode(void* user, CUVIDPICPARAMS* picture) =>
        Call(user, (nint)picture, static (decoder, picture) => decoder.DecodePicture((CUVIDPICPARAMS*)picture));

    [UnmanagedCallersOnly]
    internal static int OnDisplay(void* user, CUVIDPARSERDISPINFO* shown) =>
        Call(user, (nint)shown, static (decoder, shown) => decoder.Show((CUVIDPARSERDISPINFO*)shown));

    private static int Call(void* user, nint native, Func<CudaVideoDecoder, nint, int> callback)
    {
        if (GCHandle.FromIntPtr((nint)user).Target is not CudaVideoDecoder decoder)
        {
            return 0;
        }

        try
        {
            return callback(decoder, native);
        }
#pragma warning disable CA1031 // Kept, and thrown behind the call of the parser.
        catch (Exception error)
#pragma warning restore CA1031
        {
            return decoder.Fail(error);
        }
    }

    /// <returns>0: the parser goes no further in this packet.</returns>
    private int Fail(Exception error)
    {
        hasFailed = true;
        failure ??= ExceptionDispatchInfo.Capture(error);
        return 0;
    }

    /// <returns>0 on failure, else how many pictures the parser may have at a time.</returns>
    private int BeginSequence(CUVIDEOFORMAT* native)
    {
        CudaVideoFormat format = headers.Apply(Read(native));
        int wanted = VideoSurfaces.CountDecodeSurfaces(
            Math.Max(1, (int)native->min_num_decode_surfaces), displayDelay + options.MaxFramesHeld);
        Check(native, format, wanted);
        if (surfaces is VideoSurfaces now && now.DecodeSurfaces >= wanted && now.Format.Codec == format.Codec
            && now.Format.BitDepth == format.BitDepth)
        {
            if (now.Format.CodedWidth == format.CodedWidth && now.Format.CodedHeight == format.CodedHeight)
            {
                now.Show(format);
                return now.DecodeSurfaces;
            }

            // Pictures of the old size that are held would change under their reader.
            bool fits = format.CodedWidth <= now.MaxWidth && format.CodedHeight <= now.MaxHeight;
            if (fits && now.WaitUntilFree(LongestWaitForFrames) && now.Reconfigure(format) == CUresult.CUDA_SUCCESS)
            {
                Forget();
                return now.DecodeSurfaces;
            }
        }

        // The old one first, so that its memory is free for the new one.
        Retire();
        Forget();
        VideoSurfaces next = new(stream, video, ++made, format, wanted, options);
        lock (all)
        {
            all.Add(next);
        }

        surfaces = next;
        if (isDisposed)
        {
            next.Abandon();
        }

        return wanted;
    }

    private static CudaVideoFormat Read(CUVIDEOFORMAT* native)
    {
        VideoRectangle32 shown = native->display_area;
        return new CudaVideoFormat(
            native->codec,
            shown.right - shown.left,
            shown.bottom - shown.top,
            (int)native->coded_width,
            (int)native->coded_height,
            shown.left,
            shown.top,
            8 + Math.Max(native->bit_depth_luma_minus8, native->bit_depth_chroma_minus8),
            (native->video_signal_flags & 8) != 0,
            native->matrix_coefficients);
    }

    private void Check(CUVIDEOFORMAT* native, in CudaVideoFormat format, int decodeSurfaces)
    {
        string given = $"{format.Codec}, {format.BitDepth} bit, {format.CodedWidth}x{format.CodedHeight}";
        if (native->chroma_format != cudaVideoChromaFormat.cudaVideoChromaFormat_420 || format.BitDepth is not (8 or 10))
        {
            throw new NotSupportedException(
                $"The video is {given}, {native->chroma_format.ToString()["cudaVideoChromaFormat_".Length..]}; wanted are 4:2:0 and 8 or 10 bit.");
        }

        if (decodeSurfaces == 0)
        {
            throw new NotSupportedException($"The video ({given}) needs {native->min_num_decode_surfaces} surfaces; there can be 31.");
        }

        bool isInside = format.Left >= 0 && format.Top >= 0 && format.Width > 0 && format.Height > 0
            && format.Left + format.Width <= format.CodedWidth && format.Top + format.Height <= format.CodedHeight;
        if (!isInside || ((format.Left | format.Top | format.CodedHeight) & 1) != 0)
        {
            throw new NotSupportedException(
                $"The video ({given}) shows {format.Width}x{format.Height} at ({format.Left}, {format.Top}); "
                    + "wanted is an even place in the picture.");
        }

        CudaVideoLimits limits = ReadLimits(context, video, format.Codec, format.BitDepth);
        if (!limits.IsSupported)
        {
            throw new NotSupportedException($"{context.Device.Name} does not decode {format.Codec} of {format.BitDepth} bit.");
        }

        long macroblocks = (long)format.CodedWidth * format.CodedHeight / 256;
        if (format.CodedWidth < limits.MinWidth || format.CodedHeight < limits.MinHeight
            || format.CodedWidth > limits.MaxWidth || format.CodedHeight > limits.MaxHeight || macroblocks > limits.MaxMacroblocks)
        {
            throw new NotSupportedException(
                $"The video is {given}; {context.Device.Name} decodes {limits.MinWidth}x{limits.MinHeight} to {limits.MaxWidth}x{limits.MaxHeight}"
                + $" and at most {limits.MaxMacroblocks} blocks of 16x16.");
        }
    }

    private int DecodePicture(CUVIDPICPARAMS* native)
    {
        int index = native->CurrPicIdx;
        if (surfaces is not VideoSurfaces now || (uint)index >= (uint)now.DecodeSurfaces)
        {
            throw new InvalidOperationException($"The parser asks for surface {index}, and the decoder has {surfaces?.DecodeSurfaces ?? 0}.");
        }

        ref Picture picture = ref pictures[index];
        if (native->second_field == 0)
        {
            decoded++;
            lastIntra = native->intra_pic_flag != 0 ? decoded : lastIntra;
            // The parser may not tell of headers that change nothing but the left and the top offset.
            now.Show(headers.Apply(now.Format));
            picture = new Picture { Number = decoded, Intra = lastIntra, IsReference = native->ref_pic_flag != 0, Format = now.Format };
        }

        CUresult status = now.Decode(native);
        if (status != CUresult.CUDA_SUCCESS)
        {
            ThrowIfFatal(status, "decoding a picture", nameof(VideoApi.cuvidDecodePicture));
            picture.IsRefused = true;
        }

        return 1;
    }

    private int Show(CUVIDPARSERDISPINFO* shown)
    {
        // After a failure in this packet there is nobody to take a picture.
        if (shown == null || failure is not null)
        {
            return 1;
        }

        int index = shown->picture_index;
        if (surfaces is not VideoSurfaces now || (uint)index >= (uint)now.DecodeSurfaces)
        {
            throw new InvalidOperationException($"The parser shows surface {index}, and the decoder has {surfaces?.DecodeSurfaces ?? 0}.");
        }

        if (pictures[index].IsRefused || pictures[index].Number == 0)
        {
            NoteDamage(index);
            return 1;
        }

        int taken;
        try
        {
            taken = now.Take(cancellation);
        }
        catch (Exception error) when (error is OperationCanceledException or ObjectDisposedException)
        {
            failure = ExceptionDispatchInfo.Capture(error);
            return 1;
        }

        long token = now.TokenOf(taken);
        bool isHandedOver = false;
        try
        {
            isHandedOver = Deliver(now, taken, token, shown);
        }
        finally
        {
            if (!isHandedOver)
            {
                _ = now.TryRelease(token);
            }
        }

        return 1;
    }

    /// <returns>True when the receiver has the picture now.</returns>
    private bool Deliver(VideoSurfaces now, int taken, long token, CUVIDPARSERDISPINFO* shown)
    {
        int index = shown->picture_index;
        CUresult status = now.Map(taken, shown, out CUdeviceptr address, out int pitch);
        if (status != CUresult.CUDA_SUCCESS)
        {
            ThrowIfFatal(status, "mapping a decoded picture", nameof(VideoApi.cuvidMapVideoFrame64));
        }

        if (status != CUresult.CUDA_SUCCESS || now.IsDamaged(index))
        {
            NoteDamage(index);
            return false;
        }

        ref Picture picture = ref pictures[index];
        CudaVideoFormat format = picture.Format;
        ulong left = (ulong)(format.Left * (format.BitDepth == 8 ? 1 : 2));
        CUdeviceptr luma = address.Offset(((ulong)format.Top * (ulong)pitch) + left);
        CUdeviceptr chroma = address.Offset(((ulong)(format.CodedHeight + (format.Top / 2)) * (ulong)pitch) + left);
        bool followsDamage = lastDamaged >= picture.Intra && lastDamaged < picture.Number;
        CudaVideoFrame frame = new(luma, chroma, pitch, format, shown->timestamp, now.Mark(taken), followsDamage, token);
        try
        {
            receiver.OnFrame(frame);
        }
#pragma warning disable CA1031 // The caller's own, thrown behind the call of the parser.
        catch (Exception error)
#pragma warning restore CA1031
        {
            failure = ExceptionDispatchInfo.Capture(error);
            return false;
        }

        Volatile.Write(ref framesDelivered, framesDelivered + 1);
        return true;
    }

    private void NoteDamage(int index)
    {
        Volatile.Write(ref damagedPictures, damagedPictures + 1);
        lastDamaged = pictures[index].IsReference ? Math.Max(lastDamaged, pictures[index].Number) : lastDamaged;
    }

    private void ThrowIfFatal(CUresult status, string doing, string call)
    {
        // Other statuses tell of this picture alone.
        if (status == CUresult.CUDA_ERROR_OUT_OF_MEMORY || CudaException.IsStickyStatus(status))
        {
            context.Throw(status, doing, call);
        }
    }

    private void Forget()
    {
        Array.Clear(pictures);
        lastDamaged = -1;
    }

    /// <summary>What is known of the picture in a surface of the decoder.</summary>
    private struct Picture
    {
        /// <summary>Its place in the order of decoding, from 1; 0 where none was decoded.</summary>
        public long Number;

        /// <summary>Number of the latest picture, up to this one, that is decoded by itself.</summary>
        public long Intra;

        public bool IsReference;
        public bool IsRefused;

        /// <summary>What the headers said when it was decoded.</summary>
        public CudaVideoFormat Format;
    }
}
