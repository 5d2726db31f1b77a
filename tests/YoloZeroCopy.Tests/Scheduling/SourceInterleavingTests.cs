namespace YoloZeroCopy.Tests;

/// <summary>
/// The promises that sources are made, under thousands of random sites in virtual time: every frame answered once, the order of a source, no result
/// beyond an age limit, every count right, no slot lost, nobody starved. Cameras die, come and go, stand still, and cancel, and their frames run at
/// several input sizes.
/// </summary>
public sealed class SourceInterleavingTests
{
    [Theory]
    [InlineData(0, 1000)]
    [InlineData(10_000, 1000)]
    [InlineData(20_000, 1000)]
    public async Task Promises_to_sources_hold(int firstSeed, int runs)
    {
        for (int seed = firstSeed; seed < firstSeed + runs; seed++)
        {
            try
            {
                await RunAsync(new Random(seed));
            }
            catch (Exception error)
            {
                throw new InvalidOperationException($"Seed {seed}: {error.Message}", error);
            }
        }
    }

    [Theory]
    [InlineData(0, 20)]
    [InlineData(10_000, 20)]
    [InlineData(20_000, 20)]
    public async Task Shares_are_those_of_the_weights_under_overload(int firstSeed, int runs)
    {
        for (int seed = firstSeed; seed < firstSeed + runs; seed++)
        {
            Random random = new(seed);
            int lanes = random.Next(1, 4);
            int maxBatch = random.Next(1, 5);
            double[] weights = [.. Enumerable.Range(0, random.Next((2 * maxBatch) + 2, 16)).Select(_ => 1 + random.NextDouble())];
            await using VirtualSite site = new(lanes, maxBatch, slots: 256, size => TimeSpan.FromMilliseconds(size * lanes));
            double one = 1000 / weights.Sum();
            TimeSpan end = TimeSpan.FromSeconds(150 / one);
            for (int source = 0; source < weights.Length; source++)
            {
                FrameSource added = site.AddSource(
                    source, new SourceOptions { Weight = weights[source], QueueCapacity = random.Next(1, 4) });
                Assert.Equal(0, added.Statistics.FramesSubmitted);
                double rate = weights[source] * one * (2 + (2 * random.NextDouble()));
                site.Camera(source, TimeSpan.FromMilliseconds(1 + (10 * random.NextDouble())), TimeSpan.FromSeconds(1 / rate), end);
            }

            site.Run(end);
            await site.DrainAsync();
            int[] shares = new int[weights.Length];
            foreach (VirtualSite.Answer answer in site.Answers)
            {
                shares[answer.Source] += answer.Status == FrameStatus.Completed ? 1 : 0;
            }

            double unit = shares.Sum() / weights.Sum();
            for (int source = 0; source < weights.Length; source++)
            {
                double share = unit * weights[source];
                Assert.True(Math.Abs(shares[source] - share) <= (0.05 * share) + 1,
                    $"Seed {seed}: {shares[source]} frames for a share of {share:F1}");
            }
        }
    }

    private static async Task RunAsync(Random random)
    {
        int lanes = random.Next(1, 4);
        int maxBatch = random.Next(1, 7);
        int count = random.Next(2, 12);
        double perFrame = 0.5 + random.NextDouble();
        double perBatch = random.NextDouble() * 2;
        bool hasFewSlots = random.Next(3) == 0;
        FrameFormat[] formats = [PipelineHarness.Format, new FrameFormat(PixelFormat.Gray8, 12, 1), new FrameFormat(PixelFormat.Gray8, 16, 1)];
        InputSizes? sizes = random.Next(2) == 0 ? InputSizes.Of(8, 12, 16) : null;

        // Shorter than any age or deadline.
        TimeSpan delay = random.Next(3) == 0 ? TimeSpan.FromMilliseconds(3) : TimeSpan.Zero;
        await using VirtualSite site = new(
            lanes, maxBatch, slots: hasFewSlots ? random.Next(1, 12) : 128, size => TimeSpan.FromMilliseconds(perBatch + (perFrame * size)),
            maxBatchDelay: delay, sizes: sizes);
        TimeSpan end = TimeSpan.FromMilliseconds(60);
        Dictionary<int, FrameSource> sources = [];
        List<FrameSource> all = [];
        Dictionary<int, SourceOptions> options = [];
        List<CancellationTokenSource> cancellations = [];
        for (int number = 0; number < count; number++)
        {
            TimeSpan age = random.Next(3) == 0 ? TimeSpan.FromMilliseconds(random.Next(4, 20)) : TimeSpan.Zero;
            options[number] = new SourceOptions
            {
                Weight = random.Next(4) == 0 ? 2 : 1,
                Priority = random.Next(12) == 0 ? SourcePriority.High : SourcePriority.Normal,
                Overflow = random.Next(4) == 0 ? OverflowPolicy.DropNewest : OverflowPolicy.DropOldest,
                QueueCapacity = random.Next(1, 4),
                MaxFrameAge = age,
                DropsAgedResults = age > TimeSpan.Zero && random.Next(2) == 0,
                Deadline = random.Next(4) == 0 ? TimeSpan.FromMilliseconds(random.Next(4, 20)) : TimeSpan.Zero,
            };

            // Some have a number only, and the detector's options.
            if (random.Next(5) != 0)
            {
                all.Add(sources[number] = site.AddSource(number, options[number]));
            }
        }

        for (int number = 0; number < count; number++)
        {
            int source = number;
            int life = 0;
            double period = 0.5 + (random.NextDouble() * 6);
            TimeSpan death = random.Next(4) == 0 ? end * random.NextDouble() : end;
            int own = random.Next(2 * formats.Length);
            bool flaps = sources.ContainsKey(source) && random.Next(5) == 0;
            for (double at = 1 + random.NextDouble(); at < death.TotalMilliseconds; at += period * (0.5 + random.NextDouble()))
            {
                bool cancels = random.Next(12) == 0;
                double late = random.NextDouble() * 4;
                FrameFormat format = formats[own < formats.Length ? own : random.Next(formats.Length)];
                site.At(TimeSpan.FromMilliseconds(at), () =>
                {
                    CancellationTokenSource? cancel = cancels ? new CancellationTokenSource() : null;
                    site.Submit(source, tag: life, format: format, cancellationToken: cancel?.Token ?? default);
                    if (cancel is not null)
                    {
                        cancellations.Add(cancel);
                        site.At(site.Now + TimeSpan.FromMilliseconds(late), cancel.Cancel);
                    }
                });
            }

            if (flaps)
            {
                for (double at = 5; at < end.TotalMilliseconds; at += 3 + (random.NextDouble() * 20))
                {
                    bool comesBack = random.Next(3) != 0;
                    site.At(TimeSpan.FromMilliseconds(at), () =>
                    {
                        sources[source].Dispose();
                        life++;
                        if (comesBack)
                        {
                            all.Add(sources[source] = site.AddSource(source, options[source]));
                        }
                    });
                }
            }
        }

        await site.DrainAsync();
        VirtualSite.Answer[] answers = [.. site.Answers];
        Assert.Equal(site.Submitted, answers.Length);
        Assert.All(answers, static answer => Assert.True(answer.Error is null or OperationCanceledException, answer.Error?.ToString()));
        foreach (IGrouping<(int, int), VirtualSite.Answer> source in answers.Where(static answer => answer.Error is null).GroupBy(
            static answer => (answer.Source, answer.Tag)))
        {
            long[] order = [.. source.Select(static answer => answer.Sequence)];
            Assert.Equal(order.Order(), order);
        }

        foreach (VirtualSite.Answer answer in answers)
        {
            SourceOptions limits = options[answer.Source];
            if (answer.Error is null && limits.DropsAgedResults && sources.TryGetValue(answer.Source, out FrameSource? of) && all.Count(
                source => source.Number == of.Number) == 1 && answer.Tag == 0 && answer.Status == FrameStatus.Completed)
            {
                Assert.True(answer.Age <= limits.MaxFrameAge, $"A result of {answer.Age}, the limit is {limits.MaxFrameAge}");
            }
        }

        Assert.All(all, static source => FrameSourceTests.AssertComplete(source.Statistics));
        DetectorStatistics statistics = site.Harness.Pipeline.Snapshot();
        Assert.Equal(site.Submitted, statistics.FramesSubmitted);
        Assert.Equal(statistics.FramesSubmitted,
            statistics.FramesCompleted + statistics.FramesFailed + statistics.FramesCanceled + statistics.FramesDropped);
        Assert.Equal((0, 0, 0), (statistics.FramesWaiting, statistics.BatchesInFlight, site.Harness.Pool.SlotsInUse));

        Assert.All(site.Batches, batch => Assert.True(batch.Length <= maxBatch));
        Assert.Equal(
            (site.Batches.Count, site.Batches.Sum(static batch => batch.Length)),
            ((int)statistics.InputSizes.Sum(static size => size.Batches), (int)statistics.InputSizes.Sum(static size => size.Frames)));
        cancellations.ForEach(static cancel => cancel.Dispose());
    }
}
