using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Threading.Channels;

namespace YoloZeroCopy.Cli;

/// <summary>Decodes inputs straight into slots and submits them, several pictures at once, and lists the work in input order.</summary>
[SuppressMessage("Design", "CA1001", Justification = "The semaphore holds nothing native, and decoders may outlive a run that was given up.")]
internal sealed class FrameProducer(YoloDetector detector, bool keepPixels, ChannelWriter<FrameWork> works)
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
                Task listed = item.Kind == InputKind.Picture ? ListPictureAsync(item, end.Token, abort) : ListVideoAsync(item, end.Token, abort);
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
            file = ReadFile(work.Item.Path, out int length);
            using FrameSlot slot = await detector.RentAsync(work.Item.Format, abort);
            PictureFile.Decode(file.AsSpan(0, length), slot.Span, work.Item.Format, work.Item.Path);
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
        try
        {
            await using VideoReader reader = await VideoReader.OpenAsync(item.Path, cancellationToken: end);
            if (reader.Format != item.Format)
            {
                throw new MediaException(item.Path, $"the video changed while it was read: {item.Format} before, {reader.Format} now.");
            }

            while (true)
            {
                FrameWork work = new(item, number);
                using FrameSlot slot = await detector.RentAsync(item.Format, end);
                if (!await reader.ReadFrameAsync(slot.Memory, end))
                {
                    break;
                }

                KeepPixels(work, slot);
                work.Expect(detector.SubmitAsync(slot, cancellationToken: abort));
                await works.WriteAsync(work, abort);
                number++;
            }
        }
        catch (Exception error) when (error is MediaException or NativeLibraryException)
        {
            await Task.Delay(SignalGrace, end);
            FrameWork failed = new(item, number);
            failed.Expect(ValueTask.FromException<DetectionResult>(error));
            await works.WriteAsync(failed, abort);
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
