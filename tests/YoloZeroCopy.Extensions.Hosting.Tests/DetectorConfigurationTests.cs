using System.Reflection;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace YoloZeroCopy.Tests;

/// <summary>Options from the configuration: all of them, and no wrong one passed over.</summary>
public sealed class DetectorConfigurationTests
{
    private static readonly Dictionary<string, string?> All = new()
    {
        ["ModelPath"] = "model.onnx",
        ["OpenInBackground"] = "true",
        ["DropReportInterval"] = "00:05:00",
        ["Name"] = "left",
        ["Device"] = "cuda:1",
        ["MaxBatch"] = "4",
        ["MaxBatchDelay"] = "00:00:00.002",
        ["LatencyGoal"] = "00:00:00.020",
        ["Lanes"] = "3",
        ["Slots"] = "20",
        ["SlotBytes"] = "4096",
        ["TransferMode"] = "mapped",
        ["PageLockedLimit"] = "8589934592",
        ["Overflow"] = "dropoldest",
        ["QueueCapacity"] = "7",
        ["MaxFrameAge"] = "00:00:00.050",
        ["ScoreThreshold"] = "0.4",
        ["IouThreshold"] = "0.5",
        ["MaxDetections"] = "100",
        ["ClassAgnostic"] = "True",
        ["Classes:0"] = "2",
        ["Classes:1"] = "0",
        ["InputSize"] = "640x384",
        ["ExpectedDecoders:0"] = "16 mjpeg 1920x1080",
        ["ExpectedDecoders:1"] = "4 Hevc 3840x2160",
        ["InputSizes:0"] = "320",
        ["InputSizes:1"] = "640x384",
        ["Precision"] = "half",
        ["Threads"] = "2",
        ["WaitMode"] = "Spin",
        ["AllowMissingDevices"] = "true",
        ["AllowSynchronousContinuations"] = "true",
        ["MemoryMargin"] = "0.1",
        ["ShrinkToFit"] = "true",
        ["OnnxRuntimePath"] = "/opt/ort",
        ["CudnnPath"] = "/opt/cudnn",
        ["CompileInBackground"] = "false",
        ["EngineCacheFolder"] = "/var/cache/engines",
        ["TensorRtPath"] = "/opt/trt",
        ["TensorRtShimPath"] = "/opt/shim",
        ["TensorRtHostCodeAllowed"] = "true",
        ["ReplaceOperators"] = "false",
        ["RewriteGraph"] = "false",
    };

    /// <summary>Who reads the section: we by our table, or the framework's binder.</summary>
    public enum Reader
    {
        Ours,
        OursWithKey,
        Binder,
        BinderWithKey,
        BoundBuilder,
    }

    [Theory]
    [InlineData(Reader.Ours)]
    [InlineData(Reader.OursWithKey)]
    [InlineData(Reader.Binder)]
    [InlineData(Reader.BinderWithKey)]
    [InlineData(Reader.BoundBuilder)]
    public void Every_option_has_a_key_and_none_is_lost(Reader reader)
    {
        PropertyInfo[] properties =
        [
            .. typeof(DetectorServiceOptions).GetProperties(BindingFlags.Public | BindingFlags.Instance)
                .Where(static property => !typeof(Delegate).IsAssignableFrom(property.PropertyType)),
        ];
        Assert.Equal(
            properties.Select(static property => property.Name).Order(StringComparer.Ordinal),
            All.Keys.Select(static key => key.Split(':')[0]).Distinct().Order(StringComparer.Ordinal));

        DetectorServiceOptions options = Read(reader, All);
        DetectorServiceOptions defaults = new();
        Assert.All(properties, property => Assert.NotEqual(property.GetValue(defaults), property.GetValue(options)));
        Assert.Equal([2, 0], options.Classes);
        Assert.Equal([320, (640, 384)], options.InputSizes);
        Assert.Equal(["16 mjpeg 1920x1080", "4 hevc 3840x2160"], options.ExpectedDecoders?.Select(static decoders => decoders.ToString()));
        Assert.Equal(
            new DetectorServiceOptions
            {
                ModelPath = "model.onnx",
                OpenInBackground = true,
                DropReportInterval = TimeSpan.FromMinutes(5),
                Name = "left",
                Device = Device.Cuda(1),
                MaxBatch = 4,
                MaxBatchDelay = TimeSpan.FromMilliseconds(2),
                LatencyGoal = TimeSpan.FromMilliseconds(20),
                Lanes = 3,
                Slots = 20,
                SlotBytes = 4096,
                TransferMode = TransferMode.Mapped,
                PageLockedLimit = 8L << 30,
                Overflow = OverflowPolicy.DropOldest,
                QueueCapacity = 7,
                MaxFrameAge = TimeSpan.FromMilliseconds(50),
                ScoreThreshold = 0.4f,
                IouThreshold = 0.5f,
                MaxDetections = 100,
                ClassAgnostic = true,
                InputSize = (640, 384),
                Precision = Precision.Half,
                Threads = 2,
                WaitMode = WaitMode.Spin,
                AllowMissingDevices = true,
                AllowSynchronousContinuations = true,
                MemoryMargin = 0.1,
                ShrinkToFit = true,
                OnnxRuntimePath = "/opt/ort",
                CudnnPath = "/opt/cudnn",
                CompileInBackground = false,
                EngineCacheFolder = "/var/cache/engines",
                TensorRtPath = "/opt/trt",
                TensorRtShimPath = "/opt/shim",
                TensorRtHostCodeAllowed = true,
                ReplaceOperators = false,
                RewriteGraph = false,
            },
            options with { Classes = null, InputSizes = null, ExpectedDecoders = null });
    }

    [Theory]
    [InlineData("Device", "tpu", "'auto', 'cpu', 'cuda:0', 'cuda:0,1' and 'cuda:all' are")]
    [InlineData("Overflow", "DropAll", "Wait, DropNewest, DropOldest")]
    [InlineData("Overflow", "1", "Wait, DropNewest, DropOldest")]
    [InlineData("WaitMode", "Block, Spin", "Block, Yield, Spin")]
    [InlineData("InputSize", "640x384x3", "640x384")]
    public void A_value_that_is_none_is_refused_with_those_that_are_by_whoever_reads_it(string key, string value, string wanted)
    {
        foreach (Reader reader in Enum.GetValues<Reader>())
        {
            InvalidOperationException error = Assert.Throws<InvalidOperationException>(() => Read(reader, new() { [key] = value }));
            Assert.Contains($"'Cameras:Left:{key}'", error.Message, StringComparison.Ordinal);
            Assert.Contains(wanted, error.ToString(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void The_binder_refuses_a_key_that_is_none_where_it_is_told_to()
    {
        ServiceCollection services = new();
        services.Configure<DetectorServiceOptions>(
            Section(new() { ["MaxBach"] = "4" }), static binder => binder.ErrorOnUnknownConfiguration = true);
        services.AddYoloDetector();
        using ServiceProvider provider = services.BuildServiceProvider();
        InvalidOperationException error = Assert.Throws<InvalidOperationException>(() => provider.GetRequiredService<DetectorService>());
        Assert.Contains("'MaxBach'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Keys_are_read_in_any_case_and_a_null_leaves_the_default()
    {
        DetectorServiceOptions target = Apply(new() { ["modelpath"] = "m.onnx", ["MAXBATCH"] = "2", ["Slots"] = null });
        Assert.Equal(("m.onnx", 2, 0), (target.ModelPath, target.MaxBatch, target.Slots));
        Assert.Equal(new DetectorServiceOptions(), Apply([]));
    }

    [Theory]
    [InlineData("MaxBach", "4", "no option of a detector; there are AllowMissingDevices, AllowSynchronousContinuations, ClassAgnostic, ")]
    [InlineData("Warning", "aloud", "no option of a detector")]
    [InlineData("MaxBatch", "four", "whole number")]
    [InlineData("MaxBatch", "99999999999", "whole number")]
    [InlineData("Device", "tpu", "'cpu'")]
    [InlineData("Overflow", "DropAll", "DropOldest")]
    [InlineData("Overflow", "1", "DropOldest")]
    [InlineData("Overflow", "", "DropOldest")]
    [InlineData("WaitMode", "Block, Spin", "Yield")]
    [InlineData("MaxFrameAge", "50", "00:00:00.050")]
    [InlineData("InputSize", "640x", "640x384")]
    [InlineData("InputSize", "640x384x3", "640x384")]
    [InlineData("ExpectedDecoders", "16 mjpeg 1920x1080", "a list is wanted")]
    [InlineData("ClassAgnostic", "yes", "'true'")]
    [InlineData("MemoryMargin", "a third", "0.25")]
    [InlineData("Slots:Count", "4", "has parts")]
    [InlineData("Classes", "0,2", "a list is wanted, as [0, 2]")]
    public void A_wrong_key_or_value_is_named_with_its_path(string key, string value, string wanted)
    {
        InvalidOperationException error = Assert.Throws<InvalidOperationException>(() => Apply(new() { [key] = value }));
        Assert.Contains($"Cameras:Left:{key.Split(':')[0]}'", error.Message, StringComparison.Ordinal);
        Assert.Contains(wanted, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Classes:1", "bolt", "Classes:1' cannot be 'bolt': a whole number is wanted.")]
    [InlineData("Classes:1:Id", "3", "Classes:1' cannot be '': a whole number is wanted.")]
    [InlineData("ExpectedDecoders:0", "16 vp9 1920x1080", "ExpectedDecoders:0' cannot be '16 vp9 1920x1080': ")]
    public void An_element_that_is_none_is_not_passed_over(string key, string value, string wanted)
    {
        Dictionary<string, string?> values = new() { ["Classes:0"] = "1", [key] = value };
        InvalidOperationException error = Assert.Throws<InvalidOperationException>(() => Apply(values));
        Assert.Contains($"Cameras:Left:{wanted}", error.Message, StringComparison.Ordinal);
        AssertBinderRefuses(values);
    }

    [Fact]
    public void A_list_that_is_written_as_one_value_is_not_passed_over() => AssertBinderRefuses(new() { ["Classes"] = "0,2" });

    [Fact]
    public void No_class_left_by_the_binder_is_not_all_classes()
    {
        IReadOnlyList<int>? classes = Read(Reader.Binder, new() { ["Classes:0"] = "bolt" }).Classes;
        Assert.Equal([], classes);
        _ = Assert.Throws<ArgumentException>("Classes", () => YoloDetector.FromFunction(
            ModelInfo.OfClasses("bolt"), static (_, _) => [], new DetectorOptions { Classes = classes }));
    }

    [Fact]
    public void An_empty_list_of_classes_is_not_all_classes()
    {
        Assert.Equal([], Apply(new() { ["Classes"] = "" }).Classes);
        Assert.Null(Apply(new() { ["Classes"] = null }).Classes);
    }

    // The framework's binder passes over these unless it is told not to.
    private static void AssertBinderRefuses(Dictionary<string, string?> values)
    {
        ServiceCollection services = new();
        services.Configure<DetectorServiceOptions>(
            Section(new(values) { ["ModelPath"] = "model.onnx" }), static binder => binder.ErrorOnUnknownConfiguration = true);
        services.AddYoloDetector();
        using ServiceProvider provider = services.BuildServiceProvider();
        InvalidOperationException error = Assert.Throws<InvalidOperationException>(() => provider.GetRequiredService<DetectorService>());
        Assert.Matches("Classes|ExpectedDecoders|ErrorOnUnknownConfiguration", error.ToString());
    }

    private static DetectorServiceOptions Apply(Dictionary<string, string?> values)
    {
        DetectorServiceOptions target = new();
        DetectorConfiguration.Apply(Section(values), target);
        return target;
    }

    private static IConfigurationSection Section(Dictionary<string, string?> values)
    {
        ConfigurationManager configuration = new();
        configuration.AddInMemoryCollection(values.Select(static pair => KeyValuePair.Create($"Cameras:Left:{pair.Key}", pair.Value)));
        return configuration.GetSection("Cameras:Left");
    }

    /// <summary>The options that a detector of a host would be opened with.</summary>
    private static DetectorServiceOptions Read(Reader reader, Dictionary<string, string?> values)
    {
        const string Key = "left";
        IConfigurationSection section = Section(values);
        ServiceCollection services = new();
        string name = Options.DefaultName;
        switch (reader)
        {
            case Reader.Ours:
                services.AddYoloDetector(section);
                break;
            case Reader.OursWithKey:
                services.AddKeyedYoloDetector(name = Key, section);
                break;
            case Reader.Binder:
                services.Configure<DetectorServiceOptions>(section);
                services.AddYoloDetector();
                break;
            case Reader.BinderWithKey:
                services.AddKeyedYoloDetector(name = Key);
                services.Configure<DetectorServiceOptions>(Key, section);
                break;
            default:
                services.AddYoloDetector();
                services.AddOptions<DetectorServiceOptions>().Bind(section);
                break;
        }

        using ServiceProvider provider = services.BuildServiceProvider();
        return provider.GetRequiredService<IOptionsMonitor<DetectorServiceOptions>>().Get(name);
    }
}
