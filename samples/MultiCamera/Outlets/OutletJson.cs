using System.Text.Json.Serialization;
using MultiCamera.Alarms;

namespace MultiCamera.Outlets;

/// <summary>What stands in messages and in the database as JSON.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UseStringEnumConverter = true,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(Alarm))]
[JsonSerializable(typeof(IReadOnlyList<SeenObject>))]
[JsonSerializable(typeof(StatusMessage))]
internal sealed partial class OutletJson : JsonSerializerContext;
