using System.Collections.Frozen;
using System.Globalization;
using Microsoft.Extensions.Configuration;

namespace YoloZeroCopy;

/// <summary>Reads a detector's options from a section of the configuration: one key for each, in any case.</summary>
/// <remarks>
/// By a table and not by a binder: the options cannot be changed once they are made, have types of their own, and a wrong key must not be passed
/// over.
/// </remarks>
internal static class DetectorConfiguration
{
    private static readonly FrozenDictionary<string, Setter> Keys = new Dictionary<string, Setter>
    {
        [nameof(DetectorServiceOptions.ModelPath)] = static (service, text) => service.ModelPath = text,
        [nameof(DetectorServiceOptions.OpenInBackground)] = static (service, text) => service.OpenInBackground = Bool(text),
        [nameof(DetectorServiceOptions.DropReportInterval)] = static (service, text) => service.DropReportInterval = Time(text),
        [nameof(DetectorOptions.Name)] = Detector(static (options, text) => options with { Name = text }),
        [nameof(DetectorOptions.Device)] = Detector(static (options, text) => options with { Device = Device.Parse(text) }),
        [nameof(DetectorOptions.MaxBatch)] = Detector(static (options, text) => options with { MaxBatch = Int(text) }),
        [nameof(DetectorOptions.MaxBatchDelay)] = Detector(static (options, text) => options with { MaxBatchDelay = Time(text) }),
        [nameof(DetectorOptions.Lanes)] = Detector(static (options, text) => options with { Lanes = Int(text) }),
        [nameof(DetectorOptions.Slots)] = Detector(static (options, text) => options with { Slots = Int(text) }),
        [nameof(DetectorOptions.SlotBytes)] = Detector(static (options, text) => options with { SlotBytes = Int(text) }),
        [nameof(DetectorOptions.Overflow)] = Detector(static (options, text) => options with { Overflow = Value<OverflowPolicy>(text) }),
        [nameof(DetectorOptions.QueueCapacity)] = Detector(static (options, text) => options with { QueueCapacity = Int(text) }),
        [nameof(DetectorOptions.MaxFrameAge)] = Detector(static (options, text) => options with { MaxFrameAge = Time(text) }),
        [nameof(DetectorOptions.ScoreThreshold)] = Detector(static (options, text) => options with { ScoreThreshold = (float)Number(text) }),
        [nameof(DetectorOptions.IouThreshold)] = Detector(static (options, text) => options with { IouThreshold = (float)Number(text) }),
        [nameof(DetectorOptions.MaxDetections)] = Detector(static (options, text) => options with { MaxDetections = Int(text) }),
        [nameof(DetectorOptions.ClassAgnostic)] = Detector(static (options, text) => options with { ClassAgnostic = Bool(text) }),
        [nameof(DetectorOptions.InputSize)] = Detector(static (options, text) => options with { InputSize = Size(text) }),
        [nameof(DetectorOptions.Threads)] = Detector(static (options, text) => options with { Threads = Int(text) }),
        [nameof(DetectorOptions.WaitMode)] = Detector(static (options, text) => options with { WaitMode = Value<WaitMode>(text) }),
        [nameof(DetectorOptions.AllowSynchronousContinuations)] =
            Detector(static (options, text) => options with { AllowSynchronousContinuations = Bool(text) }),
        [nameof(DetectorOptions.MemoryMargin)] = Detector(static (options, text) => options with { MemoryMargin = Number(text) }),
        [nameof(DetectorOptions.OnnxRuntimePath)] = Detector(static (options, text) => options with { OnnxRuntimePath = text }),
        [nameof(DetectorOptions.TensorRtPath)] = Detector(static (options, text) => options with { TensorRtPath = text }),
        [nameof(DetectorOptions.TensorRtShimPath)] = Detector(static (options, text) => options with { TensorRtShimPath = text }),
        [nameof(DetectorOptions.TensorRtHostCodeAllowed)] = Detector(static (options, text) => options with { TensorRtHostCodeAllowed = Bool(text) }),
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

            if (entry.GetChildren().Any())
            {
                throw new InvalidOperationException($"Configuration '{entry.Path}' has parts; one value is wanted.");
            }

            if (entry.Value is not string text)
            {
                continue;
            }

            try
            {
                set(target, text.Trim());
            }
            catch (Exception error) when (error is FormatException or OverflowException)
            {
                throw new InvalidOperationException($"Configuration '{entry.Path}' cannot be '{text}': {error.Message}", error);
            }
        }
    }

    private static Setter Detector(Func<DetectorOptions, string, DetectorOptions> with) =>
        (service, text) => service.Detector = with(service.Detector, text);

    private static int Int(string text) => int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int value)
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

    private static (int Width, int Height)? Size(string text)
    {
        Range[] parts = new Range[3];
        ReadOnlySpan<char> all = text;
        return all.Split(parts, 'x') == 2
            && int.TryParse(all[parts[0]], NumberStyles.None, CultureInfo.InvariantCulture, out int width)
            && int.TryParse(all[parts[1]], NumberStyles.None, CultureInfo.InvariantCulture, out int height)
                ? (width, height)
                : throw new FormatException("width and height such as 640x384 are wanted.");
    }
}
