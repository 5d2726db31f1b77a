using System.Reflection;
using Microsoft.Extensions.Configuration;

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
        ["Lanes"] = "3",
        ["Slots"] = "20",
        ["SlotBytes"] = "4096",
        ["Overflow"] = "dropoldest",
        ["QueueCapacity"] = "7",
        ["MaxFrameAge"] = "00:00:00.050",
        ["ScoreThreshold"] = "0.4",
        ["IouThreshold"] = "0.5",
        ["MaxDetections"] = "100",
        ["ClassAgnostic"] = "True",
        ["InputSize"] = "640x384",
        ["Threads"] = "2",
        ["WaitMode"] = "Spin",
        ["AllowSynchronousContinuations"] = "true",
        ["MemoryMargin"] = "0.1",
        ["OnnxRuntimePath"] = "/opt/ort",
        ["TensorRtPath"] = "/opt/trt",
        ["TensorRtShimPath"] = "/opt/shim",
        ["TensorRtHostCodeAllowed"] = "true",
    };

    [Fact]
    public void Every_option_has_a_key_and_none_is_lost()
    {
        IEnumerable<string> options = ((Type[])[typeof(DetectorOptions), typeof(DetectorServiceOptions)])
            .SelectMany(static type => type.GetProperties(BindingFlags.Public | BindingFlags.Instance))
            .Where(static property => property.PropertyType != typeof(DetectorOptions) && !typeof(Delegate).IsAssignableFrom(property.PropertyType))
            .Select(static property => property.Name);
        Assert.Equal(options.Order(StringComparer.Ordinal), All.Keys.Order(StringComparer.Ordinal));

        DetectorServiceOptions target = Apply(All);
        Assert.Equal(("model.onnx", true, TimeSpan.FromMinutes(5)), (target.ModelPath, target.OpenInBackground, target.DropReportInterval));
        Assert.Equal(
            new DetectorOptions
            {
                Name = "left",
                Device = Device.Cuda(1),
                MaxBatch = 4,
                MaxBatchDelay = TimeSpan.FromMilliseconds(2),
                Lanes = 3,
                Slots = 20,
                SlotBytes = 4096,
                Overflow = OverflowPolicy.DropOldest,
                QueueCapacity = 7,
                MaxFrameAge = TimeSpan.FromMilliseconds(50),
                ScoreThreshold = 0.4f,
                IouThreshold = 0.5f,
                MaxDetections = 100,
                ClassAgnostic = true,
                InputSize = (640, 384),
                Threads = 2,
                WaitMode = WaitMode.Spin,
                AllowSynchronousContinuations = true,
                MemoryMargin = 0.1,
                OnnxRuntimePath = "/opt/ort",
                TensorRtPath = "/opt/trt",
                TensorRtShimPath = "/opt/shim",
                TensorRtHostCodeAllowed = true,
            },
            target.Detector);
    }

    [Fact]
    public void Keys_are_read_in_any_case_and_a_null_leaves_the_default()
    {
        DetectorServiceOptions target = Apply(new() { ["modelpath"] = "m.onnx", ["MAXBATCH"] = "2", ["Slots"] = null });
        Assert.Equal(("m.onnx", 2, 0), (target.ModelPath, target.Detector.MaxBatch, target.Detector.Slots));
        Assert.Equal(new DetectorOptions(), Apply([]).Detector);
    }

    [Theory]
    [InlineData("MaxBach", "4", "no option of a detector")]
    [InlineData("MaxBatch", "four", "whole number")]
    [InlineData("MaxBatch", "99999999999", "whole number")]
    [InlineData("Device", "tpu", "'cpu'")]
    [InlineData("Overflow", "DropAll", "DropOldest")]
    [InlineData("Overflow", "1", "DropOldest")]
    [InlineData("Overflow", "", "DropOldest")]
    [InlineData("WaitMode", "Block, Spin", "Yield")]
    [InlineData("MaxFrameAge", "50", "00:00:00.050")]
    [InlineData("InputSize", "640", "640x384")]
    [InlineData("InputSize", "640x384x3", "640x384")]
    [InlineData("ClassAgnostic", "yes", "'true'")]
    [InlineData("MemoryMargin", "a third", "0.25")]
    [InlineData("Slots:Count", "4", "has parts")]
    public void A_wrong_key_or_value_is_named_with_its_path(string key, string value, string wanted)
    {
        InvalidOperationException error = Assert.Throws<InvalidOperationException>(() => Apply(new() { [key] = value }));
        Assert.Contains($"Cameras:Left:{key.Split(':')[0]}'", error.Message, StringComparison.Ordinal);
        Assert.Contains(wanted, error.Message, StringComparison.Ordinal);
    }

    private static DetectorServiceOptions Apply(Dictionary<string, string?> values)
    {
        ConfigurationManager configuration = new();
        configuration.AddInMemoryCollection(values.Select(static pair => KeyValuePair.Create($"Cameras:Left:{pair.Key}", pair.Value)));
        DetectorServiceOptions target = new();
        DetectorConfiguration.Apply(configuration.GetSection("Cameras:Left"), target);
        return target;
    }
}
