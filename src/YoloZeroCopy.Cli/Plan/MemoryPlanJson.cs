using System.Text.Json;

namespace YoloZeroCopy.Cli;

/// <summary>A memory plan in JSON. Names are for programs and stay as they are.</summary>
internal static class MemoryPlanJson
{
    /// <summary>Writes <c>items</c> and sums into the object that is open.</summary>
    public static void Write(Utf8JsonWriter json, MemoryPlan plan)
    {
        json.WriteStartArray("items"u8);
        foreach (MemoryPlanEntry entry in plan.Entries)
        {
            json.WriteStartObject();
            json.WriteString("name"u8, NameOf(entry.Item));
            json.WriteString("place"u8, NameOf(entry.Place));
            json.WriteNumber("bytes"u8, entry.Bytes);
            json.WriteString("source"u8, NameOf(entry.Evidence));
            json.WriteString("basis"u8, entry.Basis);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteStartArray("input_sizes"u8);
        foreach (MemoryPlanSize size in plan.InputSizes)
        {
            json.WriteStartObject();
            json.WriteString("size"u8, size.Size.ToString());
            json.WriteNumber("work_bytes"u8, size.WorkBytes);
            json.WriteNumber("own_bytes"u8, size.OwnBytes);
            json.WriteNumber("idle_part"u8, Math.Round(size.IdlePart, 4));
            json.WriteEndObject();
        }

        json.WriteEndArray();
        if (!plan.Devices.IsEmpty)
        {
            json.WriteStartArray("devices"u8);
            foreach (MemoryPlan device in plan.Devices)
            {
                json.WriteStartObject();
                json.WriteString("device"u8, device.Device);
                json.WriteNumber("device_bytes"u8, device.DeviceBytes);
                WriteNumber(json, "free_bytes"u8, device.Budget.DeviceBytes);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        }

        json.WriteNumber("device_bytes"u8, plan.DeviceBytes);
        json.WriteNumber("host_bytes"u8, plan.HostBytes);
        json.WriteNumber("total_bytes"u8, plan.TotalBytes);
    }

    public static void WriteNumber(Utf8JsonWriter json, ReadOnlySpan<byte> name, long? value)
    {
        if (value is long number)
        {
            json.WriteNumber(name, number);
        }
        else
        {
            json.WriteNull(name);
        }
    }

    public static string NameOf<T>(T value)
        where T : struct, Enum => JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString());
}
