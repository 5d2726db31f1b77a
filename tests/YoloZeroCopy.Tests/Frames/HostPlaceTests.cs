using YoloZeroCopy.Interop;

namespace YoloZeroCopy.Tests;

/// <summary>How much of the host's memory may be locked, and on which NUMA node it lies, by files of Linux that the tests write.</summary>
public sealed class HostPlaceTests : IDisposable
{
    private readonly string root = Directory.CreateTempSubdirectory("yzc-host-").FullName;

    public void Dispose() => Directory.Delete(root, recursive: true);

    [Fact]
    public void What_can_be_locked_is_three_quarters_of_what_system_and_group_can_give()
    {
        HostMemory memory = new(new SystemFiles(root));
        long process = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        Assert.Equal(process, memory.AvailableBytes);
        Write("/proc/meminfo", "MemTotal: 900 kB\nMemAvailable:     800 kB\n");
        Assert.Equal(800 << 10, memory.AvailableBytes);
        Assert.Equal(600 << 10, memory.LockableBytes(null));

        // A group that has 500 of 700 KiB, 100 of them pages that it can give up.
        Write("/proc/self/cgroup", "0::/line\n");
        Write("/sys/fs/cgroup/line/memory.max", "716800\n");
        Write("/sys/fs/cgroup/line/memory.current", "512000\n");
        Write("/sys/fs/cgroup/line/memory.stat", "anon 1\ninactive_file 102400\nactive_file 5\n");
        Assert.Equal(300 << 10, memory.AvailableBytes);
        Assert.Equal(225 << 10, memory.LockableBytes(null));
        Assert.Equal(1000, memory.LockableBytes(1000));
        Assert.Equal(290 << 10, memory.LockableBytes(290 << 10));

        // More than there is no limit allows.
        Assert.Equal(300 << 10, memory.LockableBytes(long.MaxValue));
        Write("/proc/self/limits", "Max locked memory         65536                65536                bytes\n");
        Assert.Equal(
            "there are 0.8 MiB in the system, 0.3 MiB in the control group; memlock, which does not count what the CUDA driver locks, is 65536",
            memory.Describe());
        Write("/sys/fs/cgroup/line/memory.max", "max\n");
        Assert.Equal(800 << 10, memory.AvailableBytes);
        Write("/sys/fs/cgroup/line/memory.max", "1\n");
        Assert.Equal(0, memory.AvailableBytes);
    }

    [Theory]
    [InlineData("0-1", "1", 1)]
    [InlineData("0,4", "4", 4)]
    [InlineData("0-1", "-1", null)]
    [InlineData("0-1", "none", null)]
    [InlineData("0-1", null, null)]
    [InlineData("0", "0", null)]
    [InlineData(null, "1", null)]
    public void A_device_has_a_node_where_the_machine_has_several(string? nodes, string? node, int? expected)
    {
        Write("/sys/devices/system/node/has_memory", nodes);
        Write("/sys/bus/pci/devices/0000:3b:00.0/numa_node", node);
        Assert.Equal(expected, NumaPlace.Of("0000:3B:00.0", new SystemFiles(root), static _ => null).Node);
    }

    [Fact]
    public void The_node_is_preferred_while_memory_is_allocated_and_not_after_it()
    {
        Write("/sys/devices/system/node/has_memory", "0-1");
        Write("/sys/bus/pci/devices/0000:3b:00.0/numa_node", "1");
        List<string> said = [];
        NumaPlace place = NumaPlace.Of("0000:3B:00.0", new SystemFiles(root), node =>
        {
            said.Add($"prefer {node}");
            return new Preference(said);
        });
        Assert.Equal(7, place.Allocate(() =>
        {
            said.Add("allocate");
            return 7;
        }));
        Assert.Equal(["prefer 1", "allocate", "no more"], said);
        Assert.Equal(", on the device's NUMA node 1", place.Text);
        said.Clear();
        _ = Assert.Throws<InvalidOperationException>(() => place.Allocate<int>(() => throw new InvalidOperationException()));
        Assert.Equal(["prefer 1", "no more"], said);
    }

    [Fact]
    public void A_system_that_does_not_let_a_node_be_preferred_is_told_of()
    {
        Write("/sys/devices/system/node/has_memory", "0-1");
        Write("/sys/bus/pci/devices/0000:3b:00.0/numa_node", "1");
        NumaPlace place = NumaPlace.Of("0000:3B:00.0", new SystemFiles(root), static _ => null);
        Assert.Equal(7, place.Allocate(static () => 7));
        Assert.Contains("does not let this process prefer the device's NUMA node 1", place.Text, StringComparison.Ordinal);
        NumaPlace none = NumaPlace.Of("0000:99:00.0", new SystemFiles(root), static _ => throw new InvalidOperationException());
        Assert.Equal((7, ""), (none.Allocate(static () => 7), none.Text));
    }

    [Fact]
    public void The_systems_own_call_prefers_a_node_that_exists_or_says_that_it_may_not()
    {
        Assert.Null(ThreadMemoryPolicy.TryPrefer(-1));
        Assert.Null(ThreadMemoryPolicy.TryPrefer(1024));
        Assert.SkipUnless(OperatingSystem.IsLinux(), "NUMA nodes are Linux's here.");
        using ThreadMemoryPolicy? first = ThreadMemoryPolicy.TryPrefer(0);
        Assert.SkipWhen(first is null, "This system does not let processes set a memory policy, or has no NUMA.");

        // Twice, one in the other: what was before is again.
        using ThreadMemoryPolicy? second = ThreadMemoryPolicy.TryPrefer(0);
        Assert.NotNull(second);
    }

    private void Write(string path, string? text)
    {
        if (text is null)
        {
            return;
        }

        string file = Path.Combine(root, path.TrimStart('/'));
        _ = Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, text);
    }

    private sealed class Preference(List<string> said) : IDisposable
    {
        public void Dispose() => said.Add("no more");
    }
}
