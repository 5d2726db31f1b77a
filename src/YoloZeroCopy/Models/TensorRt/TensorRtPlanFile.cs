using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Text;
using System.Text.Json;

namespace YoloZeroCopy;

/// <summary>
/// A TensorRT engine's file: the plan, and before it, where Ultralytics or this library wrote the file, the model's metadata as JSON behind its
/// length in four bytes, lowest first.
/// </summary>
/// <remarks>Every length is checked before it is used. The plan itself is read by TensorRT only: it contains code, so only trusted files may be
/// opened.</remarks>
internal sealed record TensorRtPlanFile
{
    private const int LengthBytes = 4;
    private const int MaxMetadataBytes = 1 << 22;

    // The one whose shim drives TensorRT for RTX.
    private const int RtxMajor = 11;

    /// <summary>Where the engine comes from.</summary>
    public required ModelSource Source { get; init; }

    /// <summary>File of the engine, or what messages call it.</summary>
    public string Path => Source.Path;

    /// <summary>What stands before the plan, with the keys and texts that an ONNX file of Ultralytics would have; empty where nothing does.</summary>
    public required ImmutableDictionary<string, string> Metadata { get; init; }

    /// <summary>Where the plan begins.</summary>
    public required long PlanOffset { get; init; }

    /// <summary>Bytes of the plan.</summary>
    public required long PlanBytes { get; init; }

    /// <summary>What the plan says that it was built with; null where it does not say.</summary>
    public TensorRtOrigin? BuiltWith { get; init; }

    /// <summary>Whether a file that begins so is an engine: TensorRT's mark, or metadata before it.</summary>
    public static bool LooksLikePlan(ReadOnlySpan<byte> head, long fileBytes) =>
        HasMark(head)
        || (head.Length > LengthBytes && head[LengthBytes] == (byte)'{' && MetadataBytes(head) is > 1 and <= MaxMetadataBytes
            && MetadataBytes(head) <= fileBytes - LengthBytes);

    /// <summary>Reads what stands before the plan.</summary>
    /// <exception cref="ModelException">The file is missing, cannot be read, or is no engine.</exception>
    public static TensorRtPlanFile Read(ModelSource source)
    {
        using ModelContent content = source.OpenContent("a TensorRT engine");
        return Read(source, content);
    }

    /// <summary>Reads the plan into memory of <see cref="PlanBytes"/>.</summary>
    /// <exception cref="ModelException">The file is gone, shorter than it was, or cannot be read.</exception>
    public unsafe void ReadPlan(byte* target)
    {
        const int BlockBytes = 1 << 28;
        using ModelContent content = Source.OpenContent("a TensorRT engine");
        if (content.Length < PlanOffset + PlanBytes)
        {
            throw new ModelException(Path, "the file became shorter as it was read.");
        }

        for (long done = 0; done < PlanBytes; done += BlockBytes)
        {
            content.ReadAll(new Span<byte>(target + done, (int)Math.Min(BlockBytes, PlanBytes - done)), PlanOffset + done);
        }
    }

    /// <summary>The metadata as bytes to write before a plan; empty for no metadata.</summary>
    /// <remarks>Values are written as the JSON that their text is the Python literal of, as Ultralytics does, else as text.</remarks>
    public static byte[] Prefix(IReadOnlyDictionary<string, string> metadata)
    {
        if (metadata.Count == 0)
        {
            return [];
        }

        using MemoryStream bytes = new();
        bytes.Write(stackalloc byte[LengthBytes]);
        using (Utf8JsonWriter json = new(bytes))
        {
            json.WriteStartObject();
            foreach ((string key, string text) in metadata.OrderBy(static pair => pair.Key, StringComparer.Ordinal))
            {
                json.WritePropertyName(key);
                MetadataJson.Write(json, text);
            }

            json.WriteEndObject();
        }

        byte[] prefix = bytes.ToArray();
        BinaryPrimitives.WriteInt32LittleEndian(prefix, prefix.Length - LengthBytes);
        return prefix;
    }

    private static TensorRtPlanFile Read(ModelSource source, ModelContent content)
    {
        long length = content.Length;
        byte[] head = new byte[Math.Min(length, LengthBytes + 1)];
        content.ReadAll(head, 0);
        if (HasMark(head) || head.Length <= LengthBytes || head[LengthBytes] != (byte)'{')
        {
            // Without a mark, TensorRT itself says whether it takes it: its plans' mark is not documented.
            return new TensorRtPlanFile
            {
                Source = source,
                Metadata = ImmutableDictionary<string, string>.Empty,
                PlanOffset = 0,
                PlanBytes = length,
                BuiltWith = ReadOrigin(content, 0, length),
            };
        }

        long metadataBytes = MetadataBytes(head);
        if (metadataBytes > MaxMetadataBytes || metadataBytes >= length - LengthBytes)
        {
            throw new ModelException(
                source.Path,
                $"its metadata claims {metadataBytes} bytes of a file of {length}; up to {MaxMetadataBytes}, with the plan behind them, are wanted. "
                    + $"The file is damaged or no TensorRT engine.");
        }

        byte[] metadata = new byte[metadataBytes];
        content.ReadAll(metadata, LengthBytes);
        long offset = LengthBytes + metadataBytes;
        return new TensorRtPlanFile
        {
            Source = source,
            Metadata = ParseMetadata(source.Path, metadata),
            PlanOffset = offset,
            PlanBytes = length - offset,
            BuiltWith = ReadOrigin(content, offset, length - offset),
        };
    }

    // Where trtexec's --getPlanVersionOnly reads it, too: the version's four bytes behind the mark, a layout version and two lengths.
    private static TensorRtOrigin? ReadOrigin(ModelContent content, long offset, long bytes)
    {
        const int MajorAt = 24;
        if (bytes <= MajorAt)
        {
            return null;
        }

        byte[] head = new byte[MajorAt + 1];
        content.ReadAll(head, offset);
        return head.AsSpan().StartsWith("vtrt"u8) ? new TensorRtOrigin(RtxMajor, IsRtx: true)
            : head.AsSpan().StartsWith("ftrt"u8) ? new TensorRtOrigin(head[MajorAt], IsRtx: false)
            : null;
    }

    private static ImmutableDictionary<string, string> ParseMetadata(string path, byte[] metadata)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(metadata);
            ImmutableDictionary<string, string>.Builder entries = ImmutableDictionary.CreateBuilder<string, string>();
            foreach (JsonProperty property in document.RootElement.EnumerateObject())
            {
                // A nested value's JSON is a literal that the reader of ONNX metadata takes, too.
                entries[property.Name] = property.Value.ValueKind == JsonValueKind.String ? property.Value.GetString()! : property.Value.GetRawText();
            }

            return entries.ToImmutable();
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or DecoderFallbackException)
        {
            throw new ModelException(
                path, $"the metadata before its plan is no JSON object: {error.Message} The file is damaged or no TensorRT engine.", error);
        }
    }

    // TensorRT, TensorRT for RTX, and TensorRT before 10.
    private static bool HasMark(ReadOnlySpan<byte> head) => head.StartsWith("ftrt"u8) || head.StartsWith("vtrt"u8) || head.StartsWith("ptrt"u8);

    private static long MetadataBytes(ReadOnlySpan<byte> head) => BinaryPrimitives.ReadUInt32LittleEndian(head);
}

/// <summary>What built an engine.</summary>
/// <param name="Major">Major of the shim that drives it.</param>
/// <param name="IsRtx">Whether it was TensorRT for RTX.</param>
internal readonly record struct TensorRtOrigin(int Major, bool IsRtx);
