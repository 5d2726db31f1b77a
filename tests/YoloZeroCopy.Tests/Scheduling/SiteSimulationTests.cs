using System.Globalization;

namespace YoloZeroCopy.Tests;

/// <summary>
/// 500 cameras on eight lanes in virtual time, against one queue for all. A lane's time for a batch is what eight lanes in flight give in
/// docs/performance.md: 1.18 ms for one frame and 4.45 ms for eight, which is 14,380 frames a second at most.
/// </summary>
public sealed class SiteSimulationTests(ITestOutputHelper output)
{
    private const int Cameras = 500;

    private static readonly TimeSpan Fresh = TimeSpan.FromMilliseconds(33);

    private static readonly TimeSpan End = TimeSpan.FromSeconds(4);

    [Theory]
    [InlineData("25 frames/s each", 25, 25)]
    [InlineData("40 frames/s each", 40, 40)]
    [InlineData("25 frames/s, 20 of them 240", 25, 240)]
    public async Task Every_camera_gets_its_share_and_fresh(string name, int rate, int rateOfTwenty)
    {
        Row fair = await SimulateAsync(rate, rateOfTwenty, isFair: true);
        Row fifo = await SimulateAsync(rate, rateOfTwenty, isFair: false);
        output.WriteLine($"| {name}: one queue | {fifo}");
        output.WriteLine($"| {name}: a queue each | {fair}");
        Assert.InRange(fair.Rate, fifo.Rate * 0.99, double.MaxValue);
        Assert.InRange(fair.Goodput, fifo.Goodput, double.MaxValue);

        // What the slow ones get: all they send, or their equal part of what the lanes can do.
        double all = (480 * rate) + (20 * rateOfTwenty);
        double share = all <= fair.Rate * 1.01 ? rate : Math.Min(rate, fair.Rate / Cameras);
        Assert.InRange(fair.Least, (share * 0.95) - 0.5, double.MaxValue);
    }

    [Fact]
    public async Task Cameras_are_served_by_more_devices_as_by_one()
    {
        Row? one = null;
        foreach (int devices in (int[])[1, 2, 4, 8])
        {
            Row row = await SimulateDevicesAsync(devices);
            output.WriteLine($"| {devices} | {row}");
            one ??= row;
            Assert.InRange(row.Rate, one.Value.Rate * devices * 0.99, double.MaxValue);
            Assert.InRange(row.AgeP99, 0, one.Value.AgeP99 * 1.05);
            Assert.InRange(row.Least, one.Value.Least - 0.5, double.MaxValue);
        }
    }

    // 550 cameras for each device, which is 96 % of what it can do.
    private static async Task<Row> SimulateDevicesAsync(int devices)
    {
        const int Rate = 25;
        TimeSpan end = TimeSpan.FromSeconds(1);
        int cameras = 550 * devices;
        await using VirtualSite site = new(
            lanes: 8, maxBatch: 8, slots: FramePool.MaxSlotCount, static _ => default, OverflowPolicy.DropOldest, queueCapacity: 1, devices: devices,
            serviceOnDevice: static (_, count) => TimeSpan.FromMilliseconds(1.18 + (3.27 * (count - 1) / 7)));
        Random random = new(7);
        for (int camera = 0; camera < cameras; camera++)
        {
            site.Camera(
                camera, TimeSpan.FromSeconds(0.001 + (random.NextDouble() / Rate)), TimeSpan.FromSeconds(1d / Rate), end, tag: camera);
        }

        site.Run(end);
        await site.DrainAsync();
        return RowOf(site, cameras, end);
    }

    private static async Task<Row> SimulateAsync(int rate, int rateOfTwenty, bool isFair)
    {
        await using VirtualSite site = new(
            lanes: 8, maxBatch: 8, slots: 1024, static count => TimeSpan.FromMilliseconds(1.18 + (3.27 * (count - 1) / 7)),
            OverflowPolicy.DropOldest, queueCapacity: isFair ? 1 : Cameras);
        Random random = new(7);
        for (int camera = 0; camera < Cameras; camera++)
        {
            int own = camera % 25 == 0 ? rateOfTwenty : rate;
            site.Camera(
                isFair ? camera : 0, TimeSpan.FromSeconds(0.001 + (random.NextDouble() / own)), TimeSpan.FromSeconds(1d / own), End, tag: camera);
        }

        site.Run(End);
        await site.DrainAsync();
        return RowOf(site, Cameras, End);
    }

    private static Row RowOf(VirtualSite site, int cameras, TimeSpan end)
    {
        VirtualSite.Answer[] done = [.. site.Answers.Where(static answer => answer.Status == FrameStatus.Completed)];
        TimeSpan[] ages = [.. done.Select(static answer => answer.Age).Order()];
        int[] shares = new int[cameras];
        foreach (VirtualSite.Answer answer in done)
        {
            shares[answer.Tag]++;
        }

        return new Row(
            done.Length / end.TotalSeconds,
            done.Count(static answer => answer.Age <= Fresh) / end.TotalSeconds,
            ages[ages.Length / 2].TotalMilliseconds,
            ages[ages.Length * 99 / 100].TotalMilliseconds,
            shares.Min() / end.TotalSeconds,
            shares.Max() / end.TotalSeconds);
    }

    private readonly record struct Row(double Rate, double Goodput, double AgeP50, double AgeP99, double Least, double Most)
    {
        public override string ToString() => string.Create(
            CultureInfo.InvariantCulture, $"{Rate:N0} | {Goodput:N0} | {AgeP50:F1} ms | {AgeP99:F1} ms | {Least:F1} | {Most:F1} |");
    }
}
