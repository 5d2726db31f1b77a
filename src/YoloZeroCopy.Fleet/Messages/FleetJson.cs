using System.Text.Json;
using System.Text.Json.Serialization;

namespace YoloZeroCopy;

[JsonSourceGenerationOptions(
    JsonSerializerDefaults.Web, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(FleetMessage))]
[JsonSerializable(typeof(FleetCamera))]
[JsonSerializable(typeof(NodeReport))]
internal sealed partial class FleetJson : JsonSerializerContext;
