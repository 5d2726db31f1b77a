namespace YoloZeroCopy.Tests;

/// <summary>Alone in its collection: it measures what the whole process allocates.</summary>
[CollectionDefinition(nameof(HubAllocationTests), DisableParallelization = true)]
[Collection(nameof(HubAllocationTests))]
public sealed class HubAllocationTests
{
    private const int Frames = 5_000;

    // Bytes a frame of the whole process, for the waits of this method and the test host's timers.
    private const double MostOfProcess = 0.5;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_frame_of_a_hub_from_rent_until_it_is_handled_allocates_nothing_in_steady_state(bool isElsewhere)
    {
        // Before the hub, and so disposed after the producer that waits for one of them.
        using SemaphoreSlim slices = new(0);
        using SemaphoreSlim done = new(0);
        await using HubHarness harness = new();
        byte[] bytes = new byte[PipelineHarness.Format.ByteCount];
        using RegisteredMemory memory = harness.Detector.Register(bytes);
        Nobody owner = new();
        int handled = 0;
        HubSource source = harness.Hub.Add(
            "camera",
            async (feed, stop) =>
            {
                while (true)
                {
                    await slices.WaitAsync(stop);
                    for (int frame = 0; frame < Frames; frame++)
                    {
                        if (isElsewhere)
                        {
                            await feed.WaitForRoomAsync();
                            Assert.True(feed.TrySubmit(ExternalFrame.InRegistered(memory, 0, PipelineHarness.Format, owner)));
                        }
                        else
                        {
                            using SourceSlot slot = await feed.RentAsync(PipelineHarness.Format);
                            feed.Submit(slot);
                        }
                    }
                }
            },
            (_, _) =>
            {
                if (++handled % Frames == 0)
                {
                    _ = done.Release();
                }

                return default;
            },
            new HubSourceOptions { Overflow = OverflowPolicy.Wait });

        // Twice, so that all is compiled and every pool has what it needs.
        await RunAsync();
        await RunAsync();
        double least = await AllocationSlices.LeastAsync(async () =>
        {
            long before = GC.GetTotalAllocatedBytes(precise: true);
            await RunAsync();
            double perFrame = (GC.GetTotalAllocatedBytes(precise: true) - before) / (double)Frames;
            return perFrame <= MostOfProcess ? 0 : perFrame;
        });
        Assert.Equal(0, least);
        Assert.Empty(harness.Warnings);
        Assert.Equal(SourceState.Live, source.State);

        async Task RunAsync()
        {
            _ = slices.Release();
            Assert.True(await done.WaitAsync(HubHarness.Long), $"{handled} frames");
        }
    }

    private sealed class Nobody : IFrameOwner
    {
        public void OnFrameFree(long token)
        {
        }
    }
}
