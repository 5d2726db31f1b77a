using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;

namespace YoloZeroCopy;

/// <summary>
/// Reads the metadata that Ultralytics writes into an ONNX file. Every method takes any text: what cannot be read is reported, never thrown.
/// </summary>
internal static class ModelMetadata
{
    /// <summary>Most classes a model may name; more is taken for damage.</summary>
    public const int MaxClasses = 1 << 16;

    /// <summary>Width and height of the input where neither the caller nor the model says.</summary>
    public const int DefaultSize = 640;

    private const int DefaultStride = 32;
    private const int MaxNameLength = 1024;
    private const int MaxStride = 1024;
    private const int MaxExcerpt = 80;

    /// <summary>
    /// Reads <c>names</c>: a dict from class id to name, or a list of names. Ids that are left out are called <c>class0</c>, <c>class1</c> ...
    /// </summary>
    public static bool TryReadNames(string? text, out ImmutableArray<string> names)
    {
        names = [];
        if (text is null || !PythonLiteral.TryParse(text, out object? value))
        {
            return false;
        }

        PythonLiteral.Dict entries = value switch
        {
            PythonLiteral.Dict dict => dict,
            List<object?> list => [.. list.Select(static (item, index) => ((object?)(long)index, item))],
            _ => [],
        };
        if (entries.Count is 0 or > MaxClasses)
        {
            return false;
        }

        SortedDictionary<int, string> byId = [];
        foreach ((object? key, object? item) in entries)
        {
            if (!TryReadId(key, out int id) || item is not string { Length: <= MaxNameLength } name)
            {
                return false;
            }

            byId[id] = name;
        }

        ImmutableArray<string>.Builder all = ImmutableArray.CreateBuilder<string>(byId.Keys.Last() + 1);
        foreach ((int id, string name) in byId)
        {
            while (all.Count < id)
            {
                all.Add(DefaultName(all.Count));
            }

            all.Add(name);
        }

        names = all.MoveToImmutable();
        return true;
    }

    /// <summary>Name of a class that the metadata does not name.</summary>
    public static string DefaultName(int classId) => $"class{classId}";

    /// <summary>Reads <c>imgsz</c>: <c>[height, width]</c> or one number for both.</summary>
    public static bool TryReadImageSize(string? text, out (int Width, int Height) size)
    {
        size = default;
        if (text is null || !PythonLiteral.TryParse(text, out object? value))
        {
            return false;
        }

        (object? height, object? width) = value is List<object?> list ? list.Count switch
        {
            1 => (list[0], list[0]),
            2 => (list[0], list[1]),
            _ => (null, null),
        }
        : (value, value);
        if (!TryReadInteger(height, FrameFormat.MaxSize, out int h) || !TryReadInteger(width, FrameFormat.MaxSize, out int w))
        {
            return false;
        }

        size = (w, h);
        return true;
    }

    /// <summary>Reads <c>stride</c>: a number, or the largest of a list (YOLOv5 writes all of them).</summary>
    public static bool TryReadStride(string? text, out int stride)
    {
        stride = 0;
        if (text is null || !PythonLiteral.TryParse(text, out object? value))
        {
            return false;
        }

        foreach (object? item in value as List<object?> ?? [value])
        {
            if (!TryReadInteger(item, MaxStride, out int one))
            {
                return false;
            }

            stride = Math.Max(stride, one);
        }

        return stride > 0;
    }

    /// <summary>The stride that the metadata names, or that of nearly every YOLO.</summary>
    public static int StrideOf(IReadOnlyDictionary<string, string> metadata) =>
        metadata.TryGetValue("stride", out string? text) && TryReadStride(text, out int stride) ? stride : DefaultStride;

    /// <summary>Refuses a model whose metadata names another task than detection.</summary>
    /// <exception cref="ModelException">It does.</exception>
    public static void ThrowIfNotDetection(string path, IReadOnlyDictionary<string, string> metadata)
    {
        if (TryReadTask(metadata, out string? task) && task != "detect")
        {
            throw new ModelException(path, $"task '{Excerpt(task)}' is not supported, a 'detect' model is wanted.");
        }
    }

    /// <summary>
    /// Whether the model gives finished detections, by <c>end2end</c> or by <c>nms</c> among <c>args</c>; null when the metadata does not say.
    /// </summary>
    public static bool? ReadEndToEnd(IReadOnlyDictionary<string, string> metadata)
    {
        bool? said = null;
        if (metadata.TryGetValue("end2end", out string? text) && PythonLiteral.TryParse(text, out object? value) && value is bool endToEnd)
        {
            said = endToEnd;
        }

        if (metadata.TryGetValue("args", out string? argsText)
            && PythonLiteral.TryParse(argsText, out object? args)
            && args is PythonLiteral.Dict dict)
        {
            foreach ((object? key, object? item) in dict)
            {
                if (key is "nms" && item is true)
                {
                    said = true;
                }
            }
        }

        return said;
    }

    /// <summary>The <c>task</c> key, or null when there is none.</summary>
    public static bool TryReadTask(IReadOnlyDictionary<string, string> metadata, [NotNullWhen(true)] out string? task)
    {
        task = metadata.TryGetValue("task", out string? text) ? text.Trim().Trim('\'', '"') : null;
        if (string.IsNullOrEmpty(task))
        {
            task = null;
        }

        return task is not null;
    }

    /// <summary>The start of a text from a file, safe to show in a message.</summary>
    public static string Excerpt(string text)
    {
        string start = text.Length <= MaxExcerpt ? text : $"{text[..MaxExcerpt]}...";
        return string.Create(start.Length, start, static (target, source) =>
        {
            for (int i = 0; i < source.Length; i++)
            {
                target[i] = char.IsControl(source[i]) ? ' ' : source[i];
            }
        });
    }

    private static bool TryReadId(object? key, out int id)
    {
        // A dict that went through JSON has texts for keys.
        object? number = key is string text && PythonLiteral.TryParse(text, out object? parsed) ? parsed : key;
        id = number is long and >= 0 and < MaxClasses ? (int)(long)number : -1;
        return id >= 0;
    }

    private static bool TryReadInteger(object? value, int max, out int result)
    {
        result = 0;
        if (value is long whole && whole >= 1 && whole <= max)
        {
            result = (int)whole;
        }
        else if (value is double number && number >= 1 && number <= max && number == Math.Floor(number))
        {
            // YOLOv5 writes strides as 32.0.
            result = (int)number;
        }

        return result > 0;
    }
}
