using System.Collections.Immutable;
using System.Globalization;

namespace YoloZeroCopy;

/// <summary>A model that is rewritten once, into a file, and then opened as any other. Dispose it.</summary>
internal sealed class OptimizedModel : IDisposable
{
    private readonly OnnxModel model;
    private readonly ModelBytes? changed;

    private OptimizedModel(OnnxModel model, ModelBytes? changed)
    {
        this.model = model;
        this.changed = changed;
    }

    /// <summary>The model as it is now.</summary>
    public ReadOnlySpan<byte> Bytes => changed is null ? model.Bytes : changed.Span;

    /// <summary>What was changed.</summary>
    public required ImmutableArray<string> Changes { get; init; }

    /// <summary>What was asked for and left out, each with its reason.</summary>
    public required ImmutableArray<string> Omissions { get; init; }

    /// <summary>Rewrites a model.</summary>
    /// <param name="source">The model.</param>
    /// <param name="half">Whether it is to be in half precision.</param>
    /// <exception cref="ModelException">It is no ONNX model, or it or one of its files of weights cannot be read.</exception>
    /// <exception cref="NativeLibraryException">There is no ONNX Runtime, which checks what was changed.</exception>
    public static OptimizedModel Make(ModelSource source, bool half)
    {
        List<string> changes = [];
        List<string> omissions = [];
        int outside;
        using (OnnxModel read = OnnxModel.Read(source))
        {
            outside = read.Proto.Graph.Initializer.Count(static tensor => tensor.ExternalData.Count > 0);
        }

        OnnxModel model = OnnxModel.ReadWhole(source);
        ModelBytes? changed = null;
        try
        {
            if (outside > 0)
            {
                changes.Add(string.Create(CultureInfo.InvariantCulture, $"{outside} weights from other files are inside"));
            }

            if (half)
            {
                changed = TryMakeHalf(model, source.Path, out string summary);
                (changed is null ? omissions : changes).Add(summary);
            }

            return new OptimizedModel(model, changed) { Changes = [.. changes], Omissions = [.. omissions] };
        }
        catch
        {
            changed?.Dispose();
            model.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        changed?.Dispose();
        model.Dispose();
    }

    private static ModelBytes? TryMakeHalf(OnnxModel model, string path, out string summary)
    {
        if (HalfPrecision.TryChange(model, out string? reason) is not (ModelBytes bytes, string changes))
        {
            summary = $"half precision: {reason}";
            return null;
        }

        try
        {
            // What the runtime makes of it is the proof that it is a model still.
            OnnxRuntimeModel.Open(ModelSource.InMemory(bytes.Memory, path), libraryPath: null, imageSize: null);
            summary = changes;
            return bytes;
        }
        catch (ModelException error)
        {
            bytes.Dispose();
            summary = $"half precision: the runtime does not take it: {error.Message}";
            return null;
        }
        catch
        {
            bytes.Dispose();
            throw;
        }
    }
}
