using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Threading.Channels;

namespace YoloZeroCopy.Cli;

/// <summary>Decodes inputs straight into slots and submits them, several pictures at once, and lists the work in input order.</summary>
[SuppressMessage("Design", "CA1001", Justification = "The semaphore holds nothing native, and decoders may outlive a run that was given up.")]
internal sealed class FrameProducer(YoloDetector detector, FrameSelection selection, bool keepPixels, ChannelWriter<FrameWork> works)
{
    private const int MaxDecoders = 8;

    // On a system without setsid, Ctrl-C in a terminal reaches ffmpeg, too, and may end it before this process hears of it.
    private static readonly TimeSpan SignalGrace = TimeSpan.FromMilliseconds(200);

    private readonly SemaphoreSlim decoders = new(Math.Clamp(Environment.ProcessorCount, 1, MaxDecoders));

    /// <summary>Runs to the last input, or until asked to stop; what was submitted before is listed and will have its result.</summary>
    /// <param name="items">The inputs.</param>
    /// <param name="stop">Asks for no more input.</param>
    /// <param name="abort">Ends everything: nobody reads the results any more.</param>
    public async Task RunAsync(IReadOnlyList<InputItem> items, CancellationToken stop, CancellationToken abort)
    {
        using CancellationTokenSource end = CancellationTokenSource.CreateLinkedTokenSource(stop, abort);
        Exception? failure = null;
        try
        {
            foreach (InputItem item in items)
            {
                end.Token.ThrowIfCancellationRequested();
                Task listed =
                    item.Failure is not null ? ListFailureAsync(item, item.Failure, number: 0, abort)
                    : item.Kind == InputKind.Picture ? ListPictureAsync(item, end.Token, abort)
                    : ListVideoAsync(item, end.Token, abort);
                await listed;
            }
        }
        catch (OperationCanceledException) when (end.IsCancellationRequested)
        {
        }
        catch (Exception error)
        {
            failure = error;
        }

        works.Complete(failure);
    }

    private async Task ListFailureAsync(InputItem item, Exception error, int number, CancellationToken abort)
    {
        FrameWork failed = new(item, number);
        failed.Expect(ValueTask.FromException<DetectionResult>(error));
        await works.WriteAsync(failed, abort);
    }

    private async Task ListPictureAsync(InputItem item, CancellationToken end, CancellationToken abort)
    {
        await decoders.WaitAsync(end);
        FrameWork work = new(item, 0);
        work.Expect(new ValueTask<DetectionResult>(Task.Run(() => DecodeAndSubmitAsync(work, abort), CancellationToken.None)));
        await works.WriteAsync(work, abort);
    }

    private async Task<DetectionResult> DecodeAndSubmitAsync(FrameWork work, CancellationToken abort)
    {
        ValueTask<DetectionResult> result;
        byte[]? file = null;
        try
        {
            int length = 0;
            file = work.Item.Content is null ? ReadFile(work.Item.Path, out length) : null;
            using FrameSlot slot = await detector.RentAsync(work.Item.Format, abort);
            ReadOnlySpan<byte> picture = file is null ? work.Item.Content.GetValueOrDefault().Span : file.AsSpan(0, length);
            PictureFile.Decode(picture, slot.Span, work.Item.Format, file is null ? work.Item.Source : work.Item.Path);
            KeepPixels(work, slot);
            result = detector.SubmitAsync(slot, cancellationToken: abort);
        }
        finally
        {
            if (file is not null)
            {
                ArrayPool<byte>.Shared.Return(file);
            }

            decoders.Release();
        }

        return await result;
    }

    private static byte[] ReadFile(string path, out int length)
    {
        try
        {
            using FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);
            length = checked((int)file.Length);
            byte[] bytes = ArrayPool<byte>.Shared.Rent(length);
            file.ReadExactly(bytes, 0, length);
            return bytes;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or OverflowException)
        {
            throw new MediaException(path, $"the file cannot be read: {error.Message}", error);
        }
    }

    private async Task ListVideoAsync(InputItem item, CancellationToken end, CancellationToken abort)
    {
        int number = 0;
        TimeSpan start = TimeSpan.Zero;
        try
        {
            await using VideoReader reader = item.Live ?? await InputProbe.OpenVideoAsync(item, end);
            if (reader.Format != item.Format)
            {
                throw new MediaException(item.Source, $"the video changed while it was read: {item.Format} before, {reader.Format} now.");
            }

            for (int handled = 0; selection.Most == 0 || handled < selection.Most; handled++)
            {
                using FrameSlot slot = await detector.RentAsync(item.Format, end);
                int wanted = handled == 0 ? 1 : selection.Stride;
                int read = 0;
                while (read < wanted && await reader.ReadFrameAsync(slot.Memory, end))
                {
                    read++;
                }

                number += read;
                if (read < wanted)
                {
                    break;
                }

                // A live source's clock may begin anywhere.
                start = handled == 0 && reader.IsLive ? reader.Timestamp : start;
                FrameWork work = new(item, number - 1) { Time = reader.Timestamp - start };
                KeepPixels(work, slot);
                work.Expect(detector.SubmitAsync(slot, cancellationToken: abort));
                await works.WriteAsync(work, abort);
            }
        }
        catch (Exception error) when (error is MediaException or NativeLibraryException)
        {
            await Task.Delay(SignalGrace, end);
            await ListFailureAsync(item, error, number, abort);
        }

        await works.WriteAsync(new FrameWork(item, number) { IsEnd = true }, abort);
    }

    // The slot is filled again as soon as the model has seen it, so whoever draws needs a copy.
    private void KeepPixels(FrameWork work, FrameSlot slot)
    {
        if (keepPixels)
        {
            Span<byte> pixels = slot.Span;
            work.Pixels = ArrayPool<byte>.Shared.Rent(pixels.Length);
            pixels.CopyTo(work.Pixels);
        }
    }
}
