using System.Text.Json;
using System.Text.Json.Serialization;

namespace MultiCamera.Settings;

/// <summary>A point of a camera's picture: 0, 0 is its top left corner and 1, 1 its bottom right one, whatever its size. In JSON it is
/// [0.5, 0.25].</summary>
[JsonConverter(typeof(Converter))]
internal readonly record struct Place(float X, float Y)
{
    public bool IsInPicture => X is >= 0 and <= 1 && Y is >= 0 and <= 1;

    public override string ToString() => FormattableString.Invariant($"[{X}, {Y}]");

    private sealed class Converter : JsonConverter<Place>
    {
        public override Place Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            JsonSerializer.Deserialize<float[]>(ref reader, options) is [float x, float y]
                ? new Place(x, y)
                : throw new JsonException("wanted is a point as two numbers, such as [0.5, 0.25]");

        public override void Write(Utf8JsonWriter writer, Place value, JsonSerializerOptions options)
        {
            writer.WriteStartArray();
            writer.WriteNumberValue(value.X);
            writer.WriteNumberValue(value.Y);
            writer.WriteEndArray();
        }
    }
}
