using System.Collections.Concurrent;
using System.Diagnostics;
using Microsoft.Win32.SafeHandles;
using YoloZeroCopy.Interop;

namespace YoloZeroCopy.Tests;

/// <summary>Frames that another process writes where the detector reads them: what holds while both live, and when one does not.</summary>
public sealed class SharedFrameTests : IClassFixture<NativeProducer>, IDisposable
{
    private readonly NativeProducer native;
    private readonly TempFolder folder = new();
    private readonly string path;

    public SharedFrameTests(NativeProducer native)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Shared frames are for Linux.");
        this.native = native;
        path = folder.File("camera.sock");
    }

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Frames_of_a_C_program_are_read_where_it_wrote_them_and_it_hears_what_was_found()
    {
        const int count = 200;
        await using SharedBed bed = new();
        ConcurrentQueue<(TimeSpan Timestamp, int Left, byte First)> handled = new();
        HubSource source = bed.Hub.AddShared(
            "camera",
            path,
            (frame, result) =>
            {
                handled.Enqueue((frame.Timestamp, (int)result.Detections[0].X1, frame.Pixels.Span[0]));
                return default;
            },
            options: SharedBed.Patient);
        Assert.Equal(SourceState.Connecting, source.State);
        using Process producer = NativeProducer.Start(native.Program, path, $"{count}");
        Task<string> errors = producer.StandardError.ReadToEndAsync();
        string[] lines =
            (await producer.StandardOutput.ReadToEndAsync().WaitAsync(SharedBed.Long)).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        await producer.WaitForExitAsync().WaitAsync(SharedBed.Long);
        Assert.Equal((0, "connected\n"), (producer.ExitCode, await errors));

        // It heard of the last frame before the handler did.
        HubHarness.Until(() => source.State == SourceState.Stalled, "nobody is connected");
        Assert.Contains(path, source.Problem, StringComparison.Ordinal);

        // The square is where the program drew it.
        Assert.Equal([.. Enumerable.Range(0, count).Select(static frame => $"frame {frame}: found class 0 at {frame * 8 % 576},100")], lines);
        Assert.Equal([.. Enumerable.Range(0, count).Select(static frame => (TimeSpan.FromMilliseconds(frame), frame * 8 % 576, (byte)32))], handled);
        Assert.True(bed.ReadSharedMemoryOnly());
        Assert.Equal((0, 0), (bed.Detector.Statistics.HostCopies, bed.Detector.Statistics.ExternalFramesHeld));
        await source.RemoveAsync();
        Assert.False(File.Exists(path));
    }

    [Fact]
    public async Task Producers_that_are_killed_at_any_moment_lose_no_slot_and_touch_nobody_else()
    {
        const int kills = 200;
        const int ahead = 4;
        await using SharedBed bed = new();
        int runs = 0;
        HubSource source = bed.Hub.AddShared(
            "camera",
            path,
            (frame, _) =>
            {
                Interlocked.Exchange(ref runs, frame.Run);
                return default;
            },
            options: SharedBed.Patient with { FramesAhead = ahead, Overflow = OverflowPolicy.DropOldest });
        using Steady other = await Steady.StartAsync(bed, folder);
        FileStatus memory = MemoryOfNext();
        Random random = new(15);
        for (int kill = 0; kill < kills; kill++)
        {
            using Process producer = NativeProducer.Start(native.Program, path);
            if (kill % 2 == 0)
            {
                // With frames on their way for certain, however slowly it began.
                Assert.NotNull(await producer.StandardOutput.ReadLineAsync().WaitAsync(SharedBed.Long));
            }

            Spin(TimeSpan.FromMicroseconds(random.Next(6_000)));
            producer.Kill();
            producer.WaitForExit();
        }

        // Of them all nothing is left here but the memory that the first one had.
        Assert.Equal(memory, MemoryOfNext());
        HubHarness.Until(() => SharedBed.SocketsAt(path) == 1, "connections are left open");

        // All slots are there for the next one, and frames of it are detected in.
        using SharedProducer last = await SharedProducer.ConnectAsync(path, static _ => { }).WaitAsync(SharedBed.Long);
        List<SharedSlot> all = [];
        for (int slot = 0; slot < ahead; slot++)
        {
            all.Add(await last.RentAsync().AsTask().WaitAsync(SharedBed.Long));
        }

        Assert.False(last.TryRent(out _));
        long before = source.Statistics.FramesHandled;
        last.Submit(all[0], SharedBed.Format);

        // Free again only when it was handled.
        _ = await last.RentAsync().AsTask().WaitAsync(SharedBed.Long);
        Assert.Equal(before + 1, source.Statistics.FramesHandled);
        Assert.InRange(Volatile.Read(ref runs), kills / 2, kills + 2);
        await other.StopAsync();
        Assert.Null(bed.Detector.Fault);
        Assert.Equal(0, bed.Detector.Statistics.ExternalFramesHeld);
        await bed.DisposeAsync();
        Assert.True(SharedBed.Holds(memory), "by the producer of this process");
        last.Dispose();
        Assert.False(SharedBed.Holds(memory));

        FileStatus MemoryOfNext()
        {
            using SharedPeer peer = new(path);
            _ = peer.Send(SharedPeer.Hello());
            _ = peer.FirstGrant();
            return peer.Memory;
        }
    }

    [Fact]
    public async Task Five_thousand_damaged_messages_are_refused_or_mean_a_frame_that_fits()
    {
        const int messages = 5_000;
        const int hellos = 200;
        await using SharedBed bed = new();
        HubSource source = bed.Hub.AddShared("camera", path, static (_, _) => default, options: SharedBed.Patient);
        using Steady other = await Steady.StartAsync(bed, folder);
        Random random = new(16);
        Dictionary<SharedFrameRefusal, int> refusals = [];
        HashSet<FileStatus> memories = [];
        int taken = 0;
        SharedPeer? peer = null;
        uint generation = 0;
        for (int message = 0; message < messages; message++)
        {
            if (message < hellos)
            {
                byte[] hello = Damage(SharedPeer.Hello(), random);
                using SharedPeer greeting = new(path);
                bool isWhole = hello.AsSpan().StartsWith(SharedPeer.Hello().AsSpan(0, 12)) && hello.Length == SharedMessage.HelloBytes;
                _ = greeting.Send(hello);
                if (!isWhole && hello.Length > 0)
                {
                    Count(greeting.Refusal());
                }

                continue;
            }

            if (peer is null)
            {
                peer = new SharedPeer(path);
                _ = peer.Send(SharedPeer.Hello());
                generation = peer.FirstGrant();
                _ = memories.Add(peer.Memory);
            }

            byte[] frame = Damage(SharedPeer.Frame(0, generation), random);
            if (frame.Length > 0 && peer.Submit(frame) && IsFrame(frame, generation))
            {
                taken++;
                generation = peer.NextGrant();
                continue;
            }

            if (frame.Length > 0)
            {
                Count(peer.Refusal());
            }

            peer.Dispose();
            peer = null;
        }

        peer?.Dispose();
        Assert.True(refusals.Keys.Order().SequenceEqual(
            Enum.GetValues<SharedFrameRefusal>().Except([SharedFrameRefusal.None, SharedFrameRefusal.User])),
            string.Join(", ", refusals));
        Assert.InRange(taken, 100, messages / 2);
        Assert.Equal(taken, source.Statistics.FramesHandled);
        HubHarness.Until(() => SharedBed.SocketsAt(path) == 1, "connections are left open");
        await other.StopAsync();
        Assert.Null(bed.Detector.Fault);
        await bed.DisposeAsync();
        Assert.Equal(0, SharedBed.SocketsAt(path));
        Assert.False(SharedBed.Holds(Assert.Single(memories)));

        void Count(SharedFrameRefusal refusal) => refusals[refusal] = refusals.GetValueOrDefault(refusal) + 1;
    }

    [Fact]
    public async Task Who_speaks_another_version_or_sends_what_is_no_frame_of_his_is_told_why()
    {
        await using SharedBed bed = new();
        HubSource source = bed.Hub.AddShared("camera", path, static (_, _) => default, options: SharedBed.Patient);
        using (SharedPeer old = new(path))
        {
            _ = old.Send(SharedPeer.Hello(version: SharedMessage.Version + 1));
            Assert.Equal(SharedFrameRefusal.Version, old.Refusal());
        }

        foreach ((SharedFrameRefusal wanted, Func<uint, byte[]> make) in (IEnumerable<(SharedFrameRefusal, Func<uint, byte[]>)>)
            [
                (SharedFrameRefusal.Message, static generation => SharedPeer.Frame(0, generation)[..47]),
                (SharedFrameRefusal.Message, static generation => [.. SharedPeer.Frame(0, generation), 0]),
                (SharedFrameRefusal.Slot, static generation => SharedPeer.Frame(0, generation + 1)),
                (SharedFrameRefusal.Slot, static generation => SharedPeer.Frame(4, generation)),
                (SharedFrameRefusal.Slot, static generation => SharedPeer.Frame(uint.MaxValue, generation)),
                (SharedFrameRefusal.Format, static generation => Changed(SharedPeer.Frame(0, generation), 4, 641)),
                (SharedFrameRefusal.Format, static generation => Changed(SharedPeer.Frame(0, generation), 6, 1)),
                (SharedFrameRefusal.Format, static generation => Changed(SharedPeer.Frame(0, generation), 3, 13)),
                (SharedFrameRefusal.Format, static generation => Changed(SharedPeer.Frame(0, generation), 7, 4)),
            ])
        {
            using SharedPeer peer = new(path);
            _ = peer.Send(SharedPeer.Hello());
            Assert.True(peer.Submit(make(peer.FirstGrant())));
            Assert.Equal(wanted, peer.Refusal());
        }

        Assert.InRange(source.Statistics.Faults, 9, 100);
        Assert.Equal(0, source.Statistics.FramesHandled);

        // A slot twice: the second time it is not the producer's.
        using SharedPeer twice = new(path);
        _ = twice.Send(SharedPeer.Hello());
        byte[] frame = SharedPeer.Frame(0, twice.FirstGrant());
        _ = twice.Submit(frame);
        _ = twice.Submit(frame);
        Assert.Equal(SharedFrameRefusal.Slot, twice.Refusal());
    }

    [Fact]
    public async Task Only_users_that_were_named_are_welcome()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess && File.Exists("/usr/bin/setpriv"), "Acting as another user needs root, and setpriv.");
        const UnixFileMode everybody = (UnixFileMode)0x1B6;
        NativeProducer.OpenToOthers(folder.Path);
        await using SharedBed bed = new();
        await using (bed.Hub.AddShared("for this user", path, static (_, _) => default, new SharedSourceOptions { SocketMode = everybody }))
        {
            Assert.Equal((1, "refused: this process's user is not welcome\n"), RunAsNobody());
        }

        SharedSourceOptions nobody = new() { Users = [65534], SocketMode = everybody };
        await using (bed.Hub.AddShared("for nobody", path, static (_, _) => default, nobody))
        {
            Assert.Equal((0, "connected\n"), RunAsNobody());
            SharedFrameException refused = await Assert.ThrowsAsync<SharedFrameException>(() => SharedProducer.ConnectAsync(path));
            Assert.Equal(
                (SharedFrameRefusal.User, $"Processes of user {SharedSystem.User} are not welcome there."), (refused.Refusal, refused.Message));
        }

        // By default the file's rights are the first bar.
        await using (bed.Hub.AddShared("by mode", path, static (_, _) => default, new SharedSourceOptions { Users = [65534] }))
        {
            Assert.Equal((1, "Permission denied\n"), RunAsNobody());
        }

        (int Code, string Error) RunAsNobody()
        {
            using Process producer = NativeProducer.Start(
                "/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", native.Program, path, "3");
            string errors = producer.StandardError.ReadToEnd();
            producer.WaitForExit();
            return (producer.ExitCode, errors);
        }
    }

    [Fact]
    public async Task Memory_that_could_be_taken_away_is_used_by_neither_side()
    {
        using SafeFileHandle whole = SharedSystem.CreateSealed(8192);
        Assert.ThrowsAny<Exception>(() => RandomAccess.SetLength(whole, 0));
        Assert.ThrowsAny<Exception>(() => RandomAccess.SetLength(whole, 16384));
        Assert.Contains("fallocate", Assert.Throws<IOException>(() => SharedSystem.CreateSealed(0)).Message, StringComparison.Ordinal);

        using SafeFileHandle unsealed = File.OpenHandle(folder.File("file"), FileMode.CreateNew, FileAccess.ReadWrite);
        RandomAccess.SetLength(unsealed, 1 << 20);
        using SafeFileHandle tooShort = SharedSystem.CreateSealed(4096);
        foreach (SafeFileHandle file in (SafeFileHandle[])[unsealed, tooShort])
        {
            await OfferAsync(file, async () => await Assert.ThrowsAsync<IOException>(() => SharedProducer.ConnectAsync(path)));
            await OfferAsync(file, () =>
            {
                using Process producer = NativeProducer.Start(native.Program, path, "3");
                Assert.Equal("what listens there does not speak this protocol\n", producer.StandardError.ReadToEnd());
                return Task.CompletedTask;
            });
        }
    }

    [Fact]
    public async Task A_producer_goes_on_with_a_detector_that_was_killed_and_started_anew()
    {
        using Process first = NativeProducer.Start(Environment.ProcessPath!, "--serve", path);
        Assert.Equal("listening", first.StandardOutput.ReadLine());
        using Process producer = NativeProducer.Start(native.Program, path);
        for (int line = 0; line < 20; line++)
        {
            Assert.StartsWith("frame ", producer.StandardOutput.ReadLine(), StringComparison.Ordinal);
        }

        // Its output is not looked at any more, and must not hold it up.
        Task<string> rest = producer.StandardOutput.ReadToEndAsync();
        first.Kill();
        first.WaitForExit();
        Assert.True(File.Exists(path));
        for (int round = 0; round < 2; round++)
        {
            await using SharedBed bed = new();
            HubSource source = bed.Hub.AddShared("camera", path, static (_, _) => default);
            HubHarness.Until(() => source.Statistics.FramesHandled > 20, "frames come again");
            if (round == 1)
            {
                // The detector alone: its sources end with it.
                await bed.Detector.DisposeAsync();
                await source.Completion.WaitAsync(SharedBed.Long);
                Assert.False(File.Exists(path));
            }
        }

        producer.Kill();
        producer.WaitForExit();
        Assert.Contains("frame ", await rest, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Processes_of_a_test_end_with_it_whatever_kills_it()
    {
        using Process family = NativeProducer.Start(Environment.ProcessPath!, "--family", native.Program, path);
        string? numbers = await family.StandardOutput.ReadLineAsync().WaitAsync(SharedBed.Long);
        Assert.NotNull(numbers);
        family.Kill();
        family.WaitForExit();
        foreach (string number in numbers.Split(' '))
        {
            HubHarness.Until(() => !Runs(number), $"process {number} ends");
        }

        // Who adopts them may not have asked for their ends yet.
        static bool Runs(string number)
        {
            try
            {
                return !File.ReadLines($"/proc/{number}/status").Any(static line => line.StartsWith("State:\tZ", StringComparison.Ordinal));
            }
            catch (IOException)
            {
                return false;
            }
        }
    }

    [Fact]
    public async Task Whoever_holds_slots_or_reads_no_results_holds_up_himself_alone()
    {
        await using SharedBed bed = new(found: 1_500);
        HubSource source = bed.Hub.AddShared("camera", path, static (_, _) => default, options: SharedBed.Patient);
        using Steady other = await Steady.StartAsync(bed, folder);

        // Holds all slots, and a further one waits outside meanwhile.
        using (SharedProducer holder = await SharedProducer.ConnectAsync(path).WaitAsync(SharedBed.Long))
        {
            for (int slot = 0; slot < holder.SlotCount; slot++)
            {
                _ = await holder.RentAsync().AsTask().WaitAsync(SharedBed.Long);
            }

            using CancellationTokenSource cancellation = new();
            ValueTask<SharedSlot> none = holder.RentAsync(cancellation.Token);
            Task<SharedProducer> outside = SharedProducer.ConnectAsync(path, null, cancellation.Token);
            await other.ProgressAsync(50);
            await cancellation.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await none);
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => outside);
        }

        // Asks for results of 24 KiB each, looks at none of what it is told, and submits until the rings have gone round several times.
        using SharedPeer flood = new(path);
        _ = flood.Send(SharedPeer.Hello(flags: SharedMessage.WantsResults));
        uint generation = flood.FirstGrant();
        HubHarness.Until(() => flood.Word(SharedPeer.AnswersWritten) == 4, "all slots are granted");
        for (uint frame = 0; frame < 500; frame++)
        {
            Assert.True(flood.Submit(SharedPeer.Frame(0, generation++)));
            HubHarness.Until(() => flood.Word(SharedPeer.AnswersWritten) == 4 + (2 * (frame + 1)), "each is answered");
        }

        await other.ProgressAsync(50);
        await source.RemoveAsync(drain: true).WaitAsync(SharedBed.Long);
        await other.StopAsync();
    }

    [Fact]
    public async Task Words_of_the_rings_that_lie_end_the_connection_or_harm_who_wrote_them()
    {
        await using SharedBed bed = new();
        HubSource source = bed.Hub.AddShared("camera", path, static (_, _) => default, options: SharedBed.Patient);
        using Steady other = await Steady.StartAsync(bed, folder);

        // More frames than can be, forwards and back, and packets for no frame, one or many.
        foreach (Action<SharedPeer> lie in (IEnumerable<Action<SharedPeer>>)
            [
                static peer => peer.Word(SharedPeer.FramesWritten) = 65,
                static peer => peer.Word(SharedPeer.FramesWritten) = uint.MaxValue,
                static peer => peer.Word(SharedPeer.FramesWritten) = 0x80000000,
                static _ => { },
                static peer => Assert.True(peer.Send(SharedPeer.Bell)),
            ])
        {
            using SharedPeer peer = new(path);
            _ = peer.Send(SharedPeer.Hello());
            _ = peer.FirstGrant();
            lie(peer);
            Assert.True(peer.Send(SharedPeer.Bell));
            Assert.Equal(SharedFrameRefusal.Message, peer.Refusal());
        }

        // A slot that was never granted, in a ring that says so.
        using (SharedPeer peer = new(path))
        {
            _ = peer.Send(SharedPeer.Hello());
            _ = peer.FirstGrant();
            peer.Word(SharedPeer.FramesWritten) = 1;
            Assert.True(peer.Send(SharedPeer.Bell));
            Assert.Equal(SharedFrameRefusal.Message, peer.Refusal());
        }

        // The words of the other side, overwritten all the time: frames come, or they do not, and the next producer gets all slots.
        using (SharedPeer peer = new(path))
        {
            _ = peer.Send(SharedPeer.Hello());
            uint generation = peer.FirstGrant();
            Assert.True(peer.Submit(SharedPeer.Frame(0, generation)));
            Random random = new(17);
            for (int change = 0; change < 20_000; change++)
            {
                peer.Word(SharedPeer.AnswersWritten) = (uint)random.Next();
                peer.Word(SharedPeer.ProducerSleeps) = (uint)random.Next();
            }
        }

        using SharedProducer next = await SharedProducer.ConnectAsync(path).WaitAsync(SharedBed.Long);
        for (int slot = 0; slot < next.SlotCount; slot++)
        {
            _ = await next.RentAsync().AsTask().WaitAsync(SharedBed.Long);
        }

        await other.StopAsync();
        Assert.Null(bed.Detector.Fault);
        Assert.InRange(source.Statistics.Faults, 6, 100);
    }

    [Fact]
    public async Task Disposing_with_frames_on_their_way_ends_both_sides()
    {
        for (int round = 0; round < 12; round++)
        {
            await using SharedBed bed = new();
            HubSource source = bed.Hub.AddShared("camera", path, static (_, _) => default);
            Task flood = Task.Run(async () =>
            {
                using SharedProducer producer = await SharedProducer.ConnectAsync(path, static _ => { });
                while (true)
                {
                    using SharedSlot slot = await producer.RentAsync();
                    producer.Submit(slot, SharedBed.Format);
                }
            });
            HubHarness.Until(() => source.Statistics.FramesHandled > round, "frames come");
            ValueTask disposal = round % 3 == 0 ? bed.Detector.DisposeAsync() : round % 3 == 1 ? bed.Hub.DisposeAsync() : source.DisposeAsync();
            await disposal.AsTask().WaitAsync(SharedBed.Long);
            SharedFrameException lost = await Assert.ThrowsAsync<SharedFrameException>(() => flood.WaitAsync(SharedBed.Long));
            Assert.Equal(SharedFrameRefusal.None, lost.Refusal);
            await source.Completion.WaitAsync(SharedBed.Long);
        }
    }

    [Fact]
    public async Task A_place_that_is_taken_and_options_that_are_wrong_are_refused()
    {
        await using SharedBed bed = new();
        await using (bed.Hub.AddShared("camera", path, static (_, _) => default))
        {
            Assert.Contains("listens", Assert.Throws<IOException>(() => bed.Hub.AddShared("twice", path, static (_, _) => default)).Message,
                StringComparison.Ordinal);
            Assert.Throws<InvalidOperationException>(() => bed.Hub.AddShared("camera", folder.File("b"), static (_, _) => default));
            Assert.False(File.Exists(folder.File("b")));
        }

        string file = folder.File("a file");
        File.WriteAllText(file, "kept");
        _ = Assert.Throws<IOException>(() => bed.Hub.AddShared("camera", file, static (_, _) => default));
        Assert.Equal("kept", File.ReadAllText(file));
        _ = Assert.Throws<IOException>(() => bed.Hub.AddShared("camera", folder.File("no folder/s"), static (_, _) => default));
        _ = Assert.Throws<ArgumentException>(() => bed.Hub.AddShared("camera", "\0abstract", static (_, _) => default));
        _ = Assert.Throws<ArgumentException>(() => Add(new SharedSourceOptions { Users = [] }));
        _ = Assert.Throws<ArgumentOutOfRangeException>(() => Add(new SharedSourceOptions { SlotBytes = bed.Detector.SlotBytes + 1 }));
        SharedFrameException nobody = await Assert.ThrowsAsync<SharedFrameException>(() => SharedProducer.ConnectAsync(path));
        Assert.Equal(SharedFrameRefusal.None, nobody.Refusal);

        await using HubSource source = Add(new SharedSourceOptions { SlotBytes = 1000 });
        using SharedProducer producer = await SharedProducer.ConnectAsync(path);
        Assert.Equal((4, 1000), (producer.SlotCount, producer.SlotBytes));
        SharedSlot slot = await producer.RentAsync();
        Assert.Equal(1000, slot.Span.Length);
        _ = Assert.Throws<ArgumentException>(() => producer.Submit(slot, SharedBed.Format));
        slot.Dispose();
        slot.Dispose();
        _ = Assert.Throws<InvalidOperationException>(() => slot.Memory);
        _ = Assert.Throws<InvalidOperationException>(() => producer.Submit(slot, new FrameFormat(PixelFormat.Gray8, 10, 10)));
        _ = Assert.Throws<InvalidOperationException>(() => producer.Submit(default, new FrameFormat(PixelFormat.Gray8, 10, 10)));

        HubSource Add(SharedSourceOptions options) => bed.Hub.AddShared("camera", path, static (_, _) => default, options);
    }

    private static void Spin(TimeSpan time)
    {
        for (long start = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(start) < time;)
        {
            Thread.Yield();
        }
    }

    private static byte[] Changed(byte[] message, int word, uint value)
    {
        System.Buffers.Binary.BinaryPrimitives.WriteUInt32LittleEndian(message.AsSpan(4 * word), value);
        return message;
    }

    /// <summary>One to three words or bytes changed, or another length.</summary>
    private static byte[] Damage(byte[] message, Random random)
    {
        switch (random.Next(8))
        {
            case 0:
                Array.Resize(ref message, random.Next(message.Length + 1));
                return message;
            case 1:
                Array.Resize(ref message, random.Next(4_000));
                return message;
            default:
                uint[] values = [0, 1, 2, 3, 479, 481, 640, 65536, 65537, int.MaxValue, 0x80000000, uint.MaxValue, (uint)random.Next()];
                for (int change = random.Next(1, 4); change > 0; change--)
                {
                    if (random.Next(2) == 0)
                    {
                        message[random.Next(message.Length)] ^= (byte)(1 << random.Next(8));
                    }
                    else
                    {
                        _ = Changed(message, random.Next(message.Length / 4), values[random.Next(values.Length)]);
                    }
                }

                return message;
        }
    }

    /// <summary>What the detector is to say of a message, written anew for this test.</summary>
    private static bool IsFrame(byte[] message, uint generation)
    {
        if (message.Length != 48)
        {
            return false;
        }

        uint[] words = [.. Enumerable.Range(0, 8).Select(word => BitConverter.ToUInt32(message, 4 * word))];
        ulong width = words[4];
        ulong height = words[5];
        ulong pairs = (width + 1) & ~1UL;
        (ulong Row, ulong Rows) size = words[3] switch
        {
            0 or 1 => (3 * width, height),
            2 or 3 => (4 * width, height),
            5 => (pairs, height + ((height + 1) / 2)),
            10 => (2 * pairs, height + ((height + 1) / 2)),
            11 or 12 => (width, 3 * height),
            _ => (width, height),
        };
        ulong stride = words[6] == 0 ? size.Row : words[6];
        return words[0] == 5 && words[1] == 0 && words[2] == generation && words[3] <= 12 && width is >= 1 and <= 8192 && height is >= 1 and <= 8192
            && stride >= size.Row && stride <= 65536 && (words[3] != 10 || stride % 2 == 0) && words[7] <= 3
            && ((size.Rows - 1) * stride) + size.Row <= 640 * 480;
    }

    /// <summary>Stands in for a detector's process that offers memory of four slots of a page, in whatever file.</summary>
    private async Task OfferAsync(SafeFileHandle file, Func<Task> client)
    {
        using System.Net.Sockets.Socket listener = new(
            System.Net.Sockets.AddressFamily.Unix, System.Net.Sockets.SocketType.Seqpacket, System.Net.Sockets.ProtocolType.Unspecified);
        listener.Bind(new System.Net.Sockets.UnixDomainSocketEndPoint(path));
        listener.Listen(1);
        Task offering = Task.Run(async () =>
        {
            using System.Net.Sockets.Socket socket = await listener.AcceptAsync();
            byte[] welcome = new byte[SharedMessage.WelcomeBytes];
            _ = SharedMessage.Write(welcome, SharedMessage.Welcome, SharedMessage.Magic, SharedMessage.Version, 4, 4096, 4096);
            Assert.True(SharedSystem.TrySend(socket, welcome, file));
            _ = await socket.ReceiveAsync(new byte[16]);
            _ = await socket.ReceiveAsync(new byte[16]);
        });
        await client();
        await offering.WaitAsync(SharedBed.Long);
    }

    /// <summary>Another source of the same detector, whose frames come one after the other.</summary>
    private sealed class Steady : IDisposable
    {
        private readonly CancellationTokenSource stop = new();
        private readonly HubSource source;
        private readonly SharedProducer producer;
        private readonly Task running;

        private Steady(HubSource source, SharedProducer producer)
        {
            this.source = source;
            this.producer = producer;
            running = Task.Run(async () =>
            {
                while (!stop.IsCancellationRequested)
                {
                    using SharedSlot slot = await producer.RentAsync();
                    producer.Submit(slot, SharedBed.Format);
                    await producer.DrainAsync();
                    await Task.Delay(1);
                }
            });
        }

        public static async Task<Steady> StartAsync(SharedBed bed, TempFolder folder)
        {
            HubSource source = bed.Hub.AddShared("steady", folder.File("steady.sock"), static (_, _) => default, options: SharedBed.Patient);
            return new Steady(source, await SharedProducer.ConnectAsync(folder.File("steady.sock"), static _ => { }));
        }

        /// <summary>Waits for further frames.</summary>
        public Task ProgressAsync(int frames)
        {
            long wanted = source.Statistics.FramesHandled + frames;
            return Task.Run(() => HubHarness.Until(() => running.IsCompleted || source.Statistics.FramesHandled >= wanted, "the other goes on"));
        }

        public async Task StopAsync()
        {
            await ProgressAsync(10);
            await stop.CancelAsync();
            await running.WaitAsync(SharedBed.Long);

            // While its producer is connected: a source without one is stalled, which counts as a fault. And the producer hears of the last frame
            // before that is handled.
            HubHarness.Until(() => source.Statistics.FramesHandled == source.Statistics.Frames.FramesSubmitted, "all frames are handled");
            Assert.Equal(0, source.Statistics.Faults);
        }

        public void Dispose()
        {
            stop.Cancel();
            stop.Dispose();
            producer.Dispose();
        }
    }
}
