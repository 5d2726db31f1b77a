using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Hosting;

namespace YoloZeroCopy.Tests;

public class FleetOptionsTests
{
    [Theory]
    [InlineData("Cluster", "a b", "a b")]
    [InlineData("Node", "a.b", "a.b")]
    [InlineData("Capacity", "0", "'0'")]
    [InlineData("SiloPort", "70000", "70000")]
    [InlineData("Address", "here", "here")]
    [InlineData("Nats", "4222", "4222")]
    [InlineData("MissedProbes", "0", "'0'")]
    [InlineData("ResultInterval", "00:00:00", "00:00:00")]
    public void A_value_that_is_none_is_refused_by_name(string key, string value, string said)
    {
        ArgumentException error = Assert.Throws<ArgumentException>(() => Add(key, value));

        Assert.Contains(key, error.Message, StringComparison.Ordinal);
        Assert.Contains(said, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_unknown_key_is_refused() =>
        Assert.Contains("Capcity", Assert.Throws<InvalidOperationException>(() => Add("Capcity", "5")).ToString(), StringComparison.Ordinal);

    private static void Add(string key, string value)
    {
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(null);
        _ = builder.Configuration.AddInMemoryCollection([new($"Fleet:{key}", value)]);
        _ = builder.AddYoloFleet<NoCameras>(builder.Configuration.GetSection("Fleet"));
    }

    private sealed class NoCameras : ICameraRunner
    {
        public Task RunAsync(FleetCamera camera, CameraOutput output, CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
