using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;
using MQTTnet.Protocol;
using MultiCamera.Alarms;
using MultiCamera.Outlets;

namespace MultiCamera.Tests.Outlets;

/// <summary>Alarms on their way to a real broker that is killed, frozen and cut off.</summary>
public sealed class MqttOutletTests : IAsyncLifetime
{
    private readonly TempFolder folder = new();
    private Broker? broker;
    private Collector? collector;

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        if (collector is not null)
        {
            await collector.DisposeAsync();
        }

        broker?.Dispose();
        folder.Dispose();
    }

    [Fact]
    public async Task An_alarm_arrives_once_and_leaves_the_disk()
    {
        await StartAsync();
        await using MqttOutlet outlet = Open();
        Alarm alarm = TestAlarms.Make(5);
        await outlet.RaiseAsync(alarm);
        await Until.TrueAsync(() => outlet.Status is { Delivered: 1, Waiting: 0 }, () => $"{outlet.Status}");

        await Until.TrueAsync(() => collector!.AlarmIds.Count == 1, () => $"{collector!.AlarmIds.Count} came");
        Collector.Message message = collector!.Last("site/alarms/gate")!;
        Assert.Equal(MqttQualityOfServiceLevel.AtLeastOnce, message.Quality);
        Assert.False(message.IsRetained);
        Assert.Equal(
            $$"""
            {"id":"{{alarm.Id}}","time":"2026-11-27T10:00:05+00:00","camera":"gate","rule":"loitering","kind":"Dwell","place":"yard","value":5,
            "text":"person 7 has been in yard for 5 s",
            "objects":[{"track":7,"class":"person","score":0.9,"x1":1,"y1":2,"x2":30.5,"y2":40}],
            "picture":"2026-11-27/gate/{{alarm.Id}}.jpg","clip":"2026-11-27/gate/{{alarm.Id}}.mp4"}
            """.ReplaceLineEndings(""),
            message.Payload);
        Assert.Equal((OutletState.Working, null), (outlet.Status.State, outlet.Status.Problem));
    }

    [Fact]
    public async Task A_broker_that_is_killed_for_20_seconds_gets_all_alarms_in_order_afterwards()
    {
        await StartAsync();
        // From here on the broker's file has the receiver's subscription, whenever it is killed.
        await broker!.StopAsync();
        await broker.StartAsync();
        await using MqttOutlet outlet = Open();
        List<string> raised = [];
        await RaiseAsync(outlet, raised, 100);
        await Until.TrueAsync(() => collector!.AlarmIds.Count == 100, () => $"{collector!.AlarmIds.Count} came");

        broker.Kill();
        for (int second = 0; second < 20; second++)
        {
            // While the broker is away, an alarm is safe all the same.
            await RaiseAsync(outlet, raised, 20);
            await Task.Delay(TimeSpan.FromSeconds(1));
        }

        Assert.Equal((OutletState.Failing, 400L), (outlet.Status.State, outlet.Status.Waiting));
        Assert.NotNull(outlet.Status.Problem);
        await broker.StartAsync();
        await Until.TrueAsync(() => collector!.AlarmIds.Distinct().Count() >= 500, () => $"{collector!.AlarmIds.Count} came; {outlet.Status}");
        await Until.TrueAsync(() => outlet.Status is { State: OutletState.Working, Waiting: 0 }, () => $"{outlet.Status}");

        // The broker itself may send some again that its receiver had acknowledged just before the kill; the outlet has sent each once.
        Assert.Equal(raised, collector!.AlarmIds.Distinct());
        Assert.Equal((500L, 0L), (outlet.Status.Delivered, outlet.Status.Dropped));
    }

    [Fact]
    public async Task A_connection_that_is_cut_again_and_again_loses_nothing_and_repeats_only_what_was_on_its_way()
    {
        await StartAsync();
        await using Cable cable = new(broker!.Port);
        await using MqttOutlet outlet = Open(cable.Port);
        List<string> raised = [];
        Random random = new(1);
        for (int cut = 0; cut < 10; cut++)
        {
            await RaiseAsync(outlet, raised, 100);
            int connection = cable.Connections;
            // Anywhere in the traffic.
            int seen = collector!.AlarmIds.Count + random.Next(80);
            await Until.TrueAsync(() => collector.AlarmIds.Count >= seen || outlet.Status.Waiting == 0, () => $"{outlet.Status}");
            cable.Cut();
            await Until.TrueAsync(() => cable.Connections > connection, () => $"{outlet.Status}");
        }

        await Until.TrueAsync(() => outlet.Status is { Waiting: 0, State: OutletState.Working }, () => $"{outlet.Status}");
        await Until.TrueAsync(() => collector!.AlarmIds.Distinct().Count() == 1000, () => $"{collector!.AlarmIds.Distinct().Count()} came");
        Assert.Equal(raised, collector!.AlarmIds.Distinct());
        // QoS 1: at most the window of each connection comes again.
        Assert.InRange(collector.AlarmIds.Count, 1000, 1000 + (cable.Connections * 16));
        Assert.Equal((1000L, 0L), (outlet.Status.Delivered, outlet.Status.Dropped));
    }

    [Fact]
    public async Task A_broker_that_says_nothing_any_more_is_left_and_tried_again()
    {
        await StartAsync();
        await using Cable cable = new(broker!.Port);
        await using MqttOutlet outlet = Open(cable.Port);
        List<string> raised = [];
        await RaiseAsync(outlet, raised, 1);
        await Until.TrueAsync(() => outlet.Status.Delivered == 1, () => $"{outlet.Status}");

        cable.IsSilent = true;
        await RaiseAsync(outlet, raised, 1);
        await Until.TrueAsync(() => outlet.Status.State == OutletState.Failing, () => $"{outlet.Status}");
        Assert.Equal(1, outlet.Status.Delivered);
        cable.IsSilent = false;
        await Until.TrueAsync(() => outlet.Status is { Delivered: 2, State: OutletState.Working }, () => $"{outlet.Status}");
        await Until.TrueAsync(() => collector!.AlarmIds.Distinct().Count() == 2, () => $"{collector!.AlarmIds.Count} came");
        Assert.Equal(raised, collector!.AlarmIds.Distinct());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_killed_program_has_sent_or_sends_later_what_it_said_was_safe(bool isBrokerThere)
    {
        await StartAsync();
        int port = isBrokerThere ? broker!.Port : LocalPort.Free();
        string[] safe;
        using (OutletProcess process = new("mqtt", $"{port}", folder.File("queue.db")))
        {
            await Until.TrueAsync(() => process.Safe.Count >= 500, () => $"{process.Safe.Count} are safe");
            process.Kill();
            safe = [.. process.Safe];
        }

        await using MqttOutlet outlet = Open();
        await Until.TrueAsync(() => outlet.Status is { State: OutletState.Working, Waiting: 0 }, () => $"{outlet.Status}");
        await Until.TrueAsync(() => safe.ToHashSet().IsSubsetOf(collector!.AlarmIds), () => $"{collector!.AlarmIds.Count} of {safe.Length} came");
        IReadOnlyList<string> came = collector!.AlarmIds;
        Assert.InRange(came.Count - came.Distinct().Count(), 0, 16);
    }

    [Fact]
    public async Task The_broker_retains_how_cameras_and_program_are_and_tells_when_the_program_is_killed()
    {
        await StartAsync();
        using (OutletProcess process = new("mqtt", $"{broker!.Port}", folder.File("queue.db")))
        {
            await Until.TrueAsync(() => collector!.Last("site/status")?.State == "online", () => "the program is not online");
            process.Kill();
        }

        await Until.TrueAsync(() => collector!.Last("site/status")?.State == "offline", () => "the last will has not come");
        await using (MqttOutlet outlet = Open())
        {
            outlet.Add(new CameraStatus("gate", DateTimeOffset.UnixEpoch, "live", null));
            outlet.Add(new CameraStatus("yard", DateTimeOffset.UnixEpoch, "stalled", "no frame came for 2 s"));
            await Until.TrueAsync(() => collector!.Last("site/cameras/yard")?.State == "stalled", () => $"{outlet.Status}");
            await using (Collector late = new(broker.Port))
            {
                await collector!.DisposeAsync();
                collector = null;
                await late.StartAsync();
                await Until.TrueAsync(
                    () => late.Last("site/cameras/yard") is not null && late.Last("site/status") is not null, () => $"{late.Messages.Count} came");
                Assert.Equal(
                    [
                        ("site/cameras/gate", "{\"state\":\"live\",\"time\":\"1970-01-01T00:00:00+00:00\"}", true),
                        (
                            "site/cameras/yard",
                            "{\"state\":\"stalled\",\"time\":\"1970-01-01T00:00:00+00:00\",\"problem\":\"no frame came for 2 s\"}",
                            true),
                    ],
                    late.Messages.Where(message => message.Topic.StartsWith("site/cameras/", StringComparison.Ordinal))
                        .OrderBy(message => message.Topic)
                        .Select(message => (message.Topic, message.Payload, message.IsRetained)));
                Assert.Equal("online", late.Last("site/status")!.State);

                outlet.Add(new CameraStatus("gate", DateTimeOffset.UnixEpoch, CameraStatus.Removed, null));
                await Until.TrueAsync(() => late.Last("site/cameras/gate")!.State is null, () => $"{outlet.Status}");
                await outlet.DisposeAsync();
                await Until.TrueAsync(() => late.Last("site/status")!.State == "offline", () => $"{outlet.Status}");
                Assert.DoesNotContain("problem", late.Last("site/status")!.Payload, StringComparison.Ordinal);
            }

            Assert.Equal(OutletState.Stopped, outlet.Status.State);
        }
    }

    [Fact]
    public async Task A_full_queue_drops_the_oldest_and_counts_them()
    {
        await StartAsync();
        await broker!.StopAsync();
        await using MqttOutlet outlet = Open(limit: 100);
        List<string> raised = [];
        await RaiseAsync(outlet, raised, 90);
        await RaiseAsync(outlet, raised, 60);
        await Until.TrueAsync(() => outlet.Status is { Waiting: 100, Dropped: 50 }, () => $"{outlet.Status}");

        await broker.StartAsync();
        await Until.TrueAsync(() => outlet.Status.Waiting == 0, () => $"{outlet.Status}");
        await Until.TrueAsync(() => collector!.AlarmIds.Count >= 100, () => $"{collector!.AlarmIds.Count} came");
        Assert.Equal(raised.Skip(50), collector!.AlarmIds);
    }

    [Fact]
    public async Task With_a_full_disk_alarms_are_sent_from_memory_and_the_outlet_says_so()
    {
        using SmallDisk disk = new(megabytes: 8);
        await StartAsync();
        await using Cable cable = new(broker!.Port);
        await using MqttOutlet outlet = Open(cable.Port, file: disk.File("queue.db"));
        List<string> raised = [];
        await RaiseAsync(outlet, raised, 10);
        await Until.TrueAsync(() => outlet.Status.Waiting == 0, () => $"{outlet.Status}");

        disk.Fill();
        // The log of SQLite has a little room left, which is used up first.
        List<Task> safe = [];
        while (outlet.Status.State != OutletState.Failing)
        {
            safe.AddRange(Enumerable.Range(0, 200).Select(_ => Raise(outlet, raised)));
            await Task.Delay(20);
            Assert.True(raised.Count < 100_000, "The disk does not get full.");
        }

        Assert.Contains("full", outlet.Status.Problem, StringComparison.Ordinal);
        safe.AddRange(Enumerable.Range(0, 100).Select(_ => Raise(outlet, raised)));
        await Until.TrueAsync(() => outlet.Status.Waiting == 0, () => $"{outlet.Status}");
        // Safe at last, in the hands of the broker.
        await Task.WhenAll(safe);

        disk.Free();
        await RaiseAsync(outlet, raised, 10);
        await Until.TrueAsync(() => outlet.Status is { State: OutletState.Working, Waiting: 0 }, () => $"{outlet.Status}");
        await Until.TrueAsync(() => collector!.AlarmIds.Count >= raised.Count, () => $"{collector!.AlarmIds.Count} of {raised.Count} came");
        Assert.Equal(raised, collector!.AlarmIds);
    }

    [Fact]
    public async Task With_neither_broker_nor_disk_both_are_told()
    {
        // A folder is where the file should be.
        _ = Directory.CreateDirectory(folder.File("queue.db"));
        int nobody = LocalPort.Free();
        await using MqttOutlet outlet = Open(nobody);
        await Until.TrueAsync(
            () => outlet.Status is { State: OutletState.Failing, Problem: string problem }
                && problem.Contains($"{nobody}", StringComparison.Ordinal)
                && problem.Contains("queue.db cannot be written", StringComparison.Ordinal),
            () => $"{outlet.Status}");
    }

    [Fact]
    public async Task A_broker_that_wants_a_name_and_a_password_gets_them_and_a_wrong_one_is_told()
    {
        string passwords = folder.File("passwords");
        await File.WriteAllTextAsync(passwords, "");
        using (System.Diagnostics.Process tool = System.Diagnostics.Process.Start("/bin/sh", ["-c", $"mosquitto_passwd -b {passwords} site secret"]))
        {
            await tool.WaitForExitAsync();
        }

        broker = new Broker(folder.Path, $"allow_anonymous false\npassword_file {passwords}");
        await broker.StartAsync();
        collector = new Collector(broker.Port, "site", "secret");
        await collector.StartAsync();
        string password = folder.File("password");
        await File.WriteAllTextAsync(password, "wrong\n");
        await using MqttOutlet outlet = new(
            new MqttOptions
            {
                Host = "127.0.0.1",
                Port = broker.Port,
                QueueFile = folder.File("queue.db"),
                Topic = "site",
                User = "site",
                PasswordFile = password,
            },
            NullLogger<MqttOutlet>.Instance);
        List<string> raised = [];
        await RaiseAsync(outlet, raised, 1);
        await Until.TrueAsync(() => outlet.Status.State == OutletState.Failing, () => $"{outlet.Status}");
        Assert.Contains("NotAuthorized", outlet.Status.Problem, StringComparison.Ordinal);

        await File.WriteAllTextAsync(password, "secret\n");
        await Until.TrueAsync(() => outlet.Status is { State: OutletState.Working, Delivered: 1 }, () => $"{outlet.Status}");
    }

    [Fact]
    public async Task A_broker_with_tls_is_taken_only_where_its_authority_is_known()
    {
        int port = LocalPort.Free();
        using RSA key = RSA.Create(2048);
        CertificateRequest request = new("CN=broker", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        SubjectAlternativeNameBuilder names = new();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, false, 0, critical: true));
        using X509Certificate2 certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        await File.WriteAllTextAsync(folder.File("broker.crt"), certificate.ExportCertificatePem());
        await File.WriteAllTextAsync(folder.File("broker.key"), key.ExportPkcs8PrivateKeyPem());
        broker = new Broker(
            folder.Path,
            $"""
            allow_anonymous true
            listener {port} 127.0.0.1
            certfile {folder.File("broker.crt")}
            keyfile {folder.File("broker.key")}
            """);
        await broker.StartAsync();
        MqttOptions options = new() { Host = "127.0.0.1", Port = port, Tls = true, QueueFile = folder.File("queue.db"), Topic = "site" };
        await using (MqttOutlet stranger = new(options, NullLogger<MqttOutlet>.Instance))
        {
            await stranger.RaiseAsync(TestAlarms.Make());
            await Until.TrueAsync(() => stranger.Status.State == OutletState.Failing, () => $"{stranger.Status}");
            Assert.Equal((0L, 1L), (stranger.Status.Delivered, stranger.Status.Waiting));
        }

        await using MqttOutlet outlet = new(options with { CertificateAuthority = folder.File("broker.crt") }, NullLogger<MqttOutlet>.Instance);
        await Until.TrueAsync(() => outlet.Status is { State: OutletState.Working, Delivered: 1 }, () => $"{outlet.Status}");
    }

    [Fact]
    public async Task Two_programs_do_not_share_a_queue()
    {
        await StartAsync();
        await using MqttOutlet outlet = Open();
        await outlet.RaiseAsync(TestAlarms.Make());
        using DiskQueue second = new(folder.File("queue.db"), 10, NullLogger.Instance);
        Task added = second.Add("site/alarms/gate", [1], out _);
        SqliteException error = Assert.Throws<SqliteException>(() => second.Save());
        Assert.Contains("locked", error.Message, StringComparison.Ordinal);
        Assert.False(added.IsCompleted);
        await outlet.DisposeAsync();
        Assert.Equal(0, second.Save());
        await added;
        Assert.Equal(1, second.Count);
    }

    [Fact]
    public async Task A_damaged_queue_is_moved_aside()
    {
        await StartAsync();
        string file = folder.File("queue.db");
        await File.WriteAllBytesAsync(file, [.. Enumerable.Repeat((byte)'x', 8192)]);
        await using MqttOutlet outlet = Open();
        await outlet.RaiseAsync(TestAlarms.Make());
        await Until.TrueAsync(() => outlet.Status is { State: OutletState.Working, Delivered: 1 }, () => $"{outlet.Status}");
        Assert.Equal(8192, new FileInfo(Assert.Single(Directory.GetFiles(folder.Path, "queue.db.damaged-*"))).Length);
    }

    [Fact]
    public async Task It_may_be_disposed_twice_at_once_and_takes_nothing_afterwards()
    {
        MqttOutlet outlet = Open(LocalPort.Free());
        await Task.WhenAll(outlet.DisposeAsync().AsTask(), outlet.DisposeAsync().AsTask());
        await Assert.ThrowsAsync<OutletException>(() => outlet.RaiseAsync(TestAlarms.Make()));
        Assert.Equal(OutletState.Stopped, outlet.Status.State);
    }

    [Theory]
    [InlineData("Port", 70000, "", "")]
    [InlineData("Topic", 1883, "site/#", "")]
    [InlineData("PasswordFile", 1883, "site", "secret")]
    public void Options_that_cannot_be_are_refused_by_name(string field, int port, string topic, string passwordFile)
    {
        MqttOptions options = new()
        {
            Port = port,
            Topic = topic.Length > 0 ? topic : "site",
            PasswordFile = passwordFile.Length > 0 ? passwordFile : null,
        };
        Assert.Equal(field, Assert.Single(options.Check()).Field);
        ArgumentException error = Assert.Throws<ArgumentException>(() => new MqttOutlet(options, NullLogger<MqttOutlet>.Instance));
        Assert.Contains(field, error.Message, StringComparison.Ordinal);
    }

    private static Task Raise(MqttOutlet outlet, List<string> raised)
    {
        Alarm alarm = TestAlarms.Make(raised.Count);
        raised.Add(alarm.Id);
        return outlet.RaiseAsync(alarm);
    }

    private static Task RaiseAsync(MqttOutlet outlet, List<string> raised, int count) =>
        Task.WhenAll(Enumerable.Range(0, count).Select(_ => Raise(outlet, raised)));

    private async Task StartAsync()
    {
        broker = new Broker(folder.Path);
        await broker.StartAsync();
        collector = new Collector(broker.Port);
        await collector.StartAsync();
    }

    private MqttOutlet Open(int? port = null, int limit = 100_000, string? file = null) => new(
        new MqttOptions
        {
            Host = "127.0.0.1",
            Port = port ?? broker!.Port,
            QueueFile = file ?? folder.File("queue.db"),
            QueueLimit = limit,
            Topic = "site",
            ClientId = "outlet",
        },
        NullLogger<MqttOutlet>.Instance);
}
