using System.Collections.Frozen;
using System.Globalization;
using System.Numerics;
using Microsoft.Extensions.Configuration;

namespace YoloZeroCopy;

/// <summary>Reads a detector's options from a section of the configuration: one key for each, in any case.</summary>
/// <remarks>
/// By a table and not by the framework's binder, which reads the same keys and values: that passes over a key it does not know, takes a bare number
/// for days, and, where the compiler generates its code, as for programs compiled ahead of time, passes over values of our types.
/// </remarks>
internal static class DetectorConfiguration
{
    private static readonly FrozenDictionary<string, Setter> Keys = new Dictionary<string, Setter>
    {
        [nameof(DetectorServiceOptions.ModelPath)] = static (options, text) => options.ModelPath = text,
        [nameof(DetectorServiceOptions.OpenInBackground)] = static (options, text) => options.OpenInBackground = Bool(text),
        [nameof(DetectorServiceOptions.DropReportInterval)] = static (options, text) => options.DropReportInterval = Time(text),
        [nameof(DetectorServiceOptions.Name)] = static (options, text) => options.Name = text,
        [nameof(DetectorServiceOptions.Device)] = static (options, text) => options.Device = Device.Parse(text),
        [nameof(DetectorServiceOptions.MaxBatch)] = static (options, text) => options.MaxBatch = Whole<int>(text),
        [nameof(DetectorServiceOptions.MaxBatchDelay)] = static (options, text) => options.MaxBatchDelay = Time(text),
        [nameof(DetectorServiceOptions.LatencyGoal)] = static (options, text) => options.LatencyGoal = Time(text),
        [nameof(DetectorServiceOptions.Lanes)] = static (options, text) => options.Lanes = Whole<int>(text),
        [nameof(DetectorServiceOptions.Slots)] = static (options, text) => options.Slots = Whole<int>(text),
        [nameof(DetectorServiceOptions.SlotBytes)] = static (options, text) => options.SlotBytes = Whole<int>(text),
        [nameof(DetectorServiceOptions.TransferMode)] = static (options, text) => options.TransferMode = Value<TransferMode>(text),
        [nameof(DetectorServiceOptions.PageLockedLimit)] = static (options, text) => options.PageLockedLimit = Whole<long>(text),
        [nameof(DetectorServiceOptions.Overflow)] = static (options, text) => options.Overflow = Value<OverflowPolicy>(text),
        [nameof(DetectorServiceOptions.QueueCapacity)] = static (options, text) => options.QueueCapacity = Whole<int>(text),
        [nameof(DetectorServiceOptions.MaxFrameAge)] = static (options, text) => options.MaxFrameAge = Time(text),
        [nameof(DetectorServiceOptions.ScoreThreshold)] = static (options, text) => options.ScoreThreshold = (float)Number(text),
        [nameof(DetectorServiceOptions.IouThreshold)] = static (options, text) => options.IouThreshold = (float)Number(text),
        [nameof(DetectorServiceOptions.MaxDetections)] = static (options, text) => options.MaxDetections = Whole<int>(text),
        [nameof(DetectorServiceOptions.ClassAgnostic)] = static (options, text) => options.ClassAgnostic = Bool(text),
        [nameof(DetectorServiceOptions.Classes)] = static (options, text) => options.Classes = [.. options.Classes ?? [], Whole<int>(text)],
        [nameof(DetectorServiceOptions.InputSize)] = static (options, text) => options.InputSize = ModelInputSize.Parse(text),
        [nameof(DetectorServiceOptions.InputSizes)] = static (options, text) =>
            options.InputSizes = [.. options.InputSizes ?? [], ModelInputSize.Parse(text)],
        [nameof(DetectorServiceOptions.RewriteGraph)] = static (options, text) => options.RewriteGraph = Bool(text),
        [nameof(DetectorServiceOptions.Precision)] = static (options, text) => options.Precision = Value<Precision>(text),
        [nameof(DetectorServiceOptions.Threads)] = static (options, text) => options.Threads = Whole<int>(text),
        [nameof(DetectorServiceOptions.WaitMode)] = static (options, text) => options.WaitMode = Value<WaitMode>(text),
        [nameof(DetectorServiceOptions.AllowMissingDevices)] = static (options, text) => options.AllowMissingDevices = Bool(text),
        [nameof(DetectorServiceOptions.AllowSynchronousContinuations)] = static (options, text) => options.AllowSynchronousContinuations = Bool(text),
        [nameof(DetectorServiceOptions.MemoryMargin)] = static (options, text) => options.MemoryMargin = Number(text),
        [nameof(DetectorServiceOptions.ExpectedDecoders)] = static (options, text) =>
            options.ExpectedDecoders = [.. options.ExpectedDecoders ?? [], ExpectedDecoders.Parse(text)],
        [nameof(DetectorServiceOptions.ShrinkToFit)] = static (options, text) => options.ShrinkToFit = Bool(text),
        [nameof(DetectorServiceOptions.OnnxRuntimePath)] = static (options, text) => options.OnnxRuntimePath = text,
        [nameof(DetectorServiceOptions.CudnnPath)] = static (options, text) => options.CudnnPath = text,
        [nameof(DetectorServiceOptions.EngineCacheFolder)] = static (options, text) => options.EngineCacheFolder = text,
        [nameof(DetectorServiceOptions.CompileInBackground)] = static (options, text) => options.CompileInBackground = Bool(text),
        [nameof(DetectorServiceOptions.TensorRtPath)] = static (options, text) => options.TensorRtPath = text,
        [nameof(DetectorServiceOptions.TensorRtShimPath)] = static (options, text) => options.TensorRtShimPath = text,
        [nameof(DetectorServiceOptions.TensorRtHostCodeAllowed)] = static (options, text) => options.TensorRtHostCodeAllowed = Bool(text),
        [nameof(DetectorServiceOptions.ReplaceOperators)] = static (options, text) => options.ReplaceOperators = Bool(text),
    }.ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);

    private delegate void Setter(DetectorServiceOptions options, string text);

    /// <summary>Sets what the section says. A key whose value is null leaves the default.</summary>
    /// <exception cref="InvalidOperationException">A key is unknown or its value cannot be read; the message has the key's whole path.</exception>
    public static void Apply(IConfiguration section, DetectorServiceOptions target)
    {
        foreach (IConfigurationSection entry in section.GetChildren())
        {
            if (!Keys.TryGetValue(entry.Key, out Setter? set))
            {
                string known = string.Join(", ", Keys.Keys.Order(StringComparer.Ordinal));
                throw new InvalidOperationException($"Configuration '{entry.Path}' is no option of a detector; there are {known}.");
            }

            if (entry.Key.Equals(nameof(DetectorServiceOptions.Classes), StringComparison.OrdinalIgnoreCase))
            {
                // An empty list is for the opening to refuse: passed over, it would be all classes.
                target.Classes = entry.Value is null ? target.Classes : [];
                ApplyList(entry, set, target, "[0, 2]");
                continue;
            }

            if (entry.Key.Equals(nameof(DetectorServiceOptions.InputSizes), StringComparison.OrdinalIgnoreCase))
            {
                target.InputSizes = entry.Value is null ? target.InputSizes : [];
                ApplyList(entry, set, target, "[320, 640]");
                continue;
            }

            if (entry.Key.Equals(nameof(DetectorServiceOptions.ExpectedDecoders), StringComparison.OrdinalIgnoreCase))
            {
                target.ExpectedDecoders = entry.Value is null ? target.ExpectedDecoders : [];
                ApplyList(entry, set, target, "[\"16 mjpeg 1920x1080\"]");
                continue;
            }

            if (entry.GetChildren().Any())
            {
                throw new InvalidOperationException($"Configuration '{entry.Path}' has parts; one value is wanted.");
            }

            if (entry.Value is not string text)
            {
                continue;
            }

            Set(entry, text, set, target);
        }
    }

    // As the framework's binder does, an element is added to what the options have.
    private static void ApplyList(IConfigurationSection list, Setter set, DetectorServiceOptions target, string example)
    {
        if (!string.IsNullOrEmpty(list.Value))
        {
            throw new InvalidOperationException($"Configuration '{list.Path}' cannot be '{list.Value}': a list is wanted, as {example}.");
        }

        foreach (IConfigurationSection element in list.GetChildren())
        {
            Set(element, element.Value ?? "", set, target);
        }
    }

    private static void Set(IConfigurationSection entry, string text, Setter set, DetectorServiceOptions target)
    {
        try
        {
            set(target, text.Trim());
        }
        catch (Exception error) when (error is FormatException or OverflowException)
        {
            throw new InvalidOperationException($"Configuration '{entry.Path}' cannot be '{text}': {error.Message}", error);
        }
    }

    private static T Whole<T>(string text)
        where T : struct, INumberBase<T> => T.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out T value)
        ? value
        : throw new FormatException("a whole number is wanted.");

    private static double Number(string text) => double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value)
        ? value
        : throw new FormatException("a number such as 0.25 is wanted.");

    private static bool Bool(string text) => bool.TryParse(text, out bool value) ? value : throw new FormatException("'true' or 'false' is wanted.");

    // A bare number would be days to the framework, and is meant as none by anyone.
    private static TimeSpan Time(string text) =>
        text.Contains(':', StringComparison.Ordinal) && TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out TimeSpan value)
            ? value
            : throw new FormatException("a time such as 00:00:00.050 is wanted.");

    // By name only: the framework would take numbers and lists of names, too.
    private static T Value<T>(string text)
        where T : struct, Enum =>
        Array.Find(Enum.GetNames<T>(), name => name.Equals(text, StringComparison.OrdinalIgnoreCase)) is string name
            ? Enum.Parse<T>(name)
            : throw new FormatException($"one of {string.Join(", ", Enum.GetNames<T>())} is wanted.");
}
