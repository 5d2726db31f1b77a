namespace YoloZeroCopy;

/// <summary>The messages of one camera on one subject, of which each names the one before it: NATS takes none of an owner that another one has
/// followed.</summary>
/// <remarks>One call at a time.</remarks>
internal sealed class SubjectChain(FleetStreams streams, string stream, string subject, string camera, string node, long epoch)
{
    private ulong last;

    /// <summary>Takes the subject over.</summary>
    /// <returns>Null where it is this epoch's now; else the same or later epoch that has it.</returns>
    /// <exception cref="NATS.Client.Core.NatsException">NATS is away.</exception>
    public async Task<(long? TakenBy, string[] Recent)> TakeAsync(CancellationToken stop)
    {
        while (true)
        {
            (FleetMessage Message, ulong Sequence)? newest = await streams.LastAsync(stream, subject, stop).ConfigureAwait(false);
            string[] recent = newest?.Message.Recent ?? [];
            if (newest is { } found && found.Message.Epoch >= epoch)
            {
                if (found.Message.Epoch == epoch && found.Message.Node == node && found.Message.Number == 0)
                {
                    // Taken over in an attempt whose answer did not come.
                    last = found.Sequence;
                    return (null, recent);
                }

                return (found.Message.Epoch, recent);
            }

            FleetMessage taking = new()
            {
                Kind = FleetMessage.OwnerKind,
                Camera = camera,
                Epoch = epoch,
                Number = 0,
                Node = node,
                At = DateTimeOffset.UtcNow,
                Recent = recent,
            };
            if (await streams.SendAsync(subject, taking, newest?.Sequence ?? 0, stop).ConfigureAwait(false) is { } sequence)
            {
                last = sequence;
                return (null, recent);
            }
        }
    }

    /// <summary>Sends a message of this epoch.</summary>
    /// <returns>False where a later epoch has the subject: neither this nor any other message of this epoch will be taken.</returns>
    /// <exception cref="NATS.Client.Core.NatsException">NATS is away; the same message can be sent again.</exception>
    public async Task<bool> SendAsync(FleetMessage message, CancellationToken stop)
    {
        while (true)
        {
            if (await streams.SendAsync(subject, message, last, stop).ConfigureAwait(false) is { } sequence)
            {
                last = sequence;
                return true;
            }

            (FleetMessage Message, ulong Sequence)? newest = await streams.LastAsync(stream, subject, stop).ConfigureAwait(false);
            if (newest is { } found && found.Message.Epoch > epoch)
            {
                return false;
            }

            // The newest one was removed with age, or is this epoch's own, whose answer did not come.
            last = newest?.Sequence ?? 0;
            if (newest is { } own && own.Message.Epoch == epoch && own.Message.Number >= message.Number)
            {
                return true;
            }
        }
    }
}
