using Google.Protobuf.Collections;
using YoloZeroCopy.Server.Protocol;

namespace YoloZeroCopy.Server;

/// <summary>Reads parameters of requests and tensors: each is absent, of the kind that is wanted, or refused.</summary>
internal static class Parameters
{
    public static string? Text(MapField<string, InferParameter> parameters, string name) => parameters.TryGetValue(name, out InferParameter? value)
        ? value.ParameterChoiceCase == InferParameter.ParameterChoiceOneofCase.StringParam ? value.StringParam : throw Wrong(name, "a text")
        : null;

    public static long? Whole(MapField<string, InferParameter> parameters, string name) => parameters.TryGetValue(name, out InferParameter? value)
        ? value.ParameterChoiceCase switch
        {
            InferParameter.ParameterChoiceOneofCase.Int64Param when value.Int64Param >= 0 => value.Int64Param,
            InferParameter.ParameterChoiceOneofCase.Uint64Param when value.Uint64Param <= long.MaxValue => (long)value.Uint64Param,
            _ => throw Wrong(name, "a whole number from 0 on"),
        }
        : null;

    public static bool? Flag(MapField<string, InferParameter> parameters, string name) => parameters.TryGetValue(name, out InferParameter? value)
        ? value.ParameterChoiceCase == InferParameter.ParameterChoiceOneofCase.BoolParam ? value.BoolParam : throw Wrong(name, "true or false")
        : null;

    /// <summary>A value of an enumeration, by its name in any case.</summary>
    public static T? Named<T>(MapField<string, InferParameter> parameters, string name)
        where T : struct, Enum
    {
        string? text = Text(parameters, name);
        if (text is null)
        {
            return null;
        }

        // By name only: numbers and lists of names would be taken, too.
        string? known = Array.Find(Enum.GetNames<T>(), one => one.Equals(text, StringComparison.OrdinalIgnoreCase));
        return known is not null ? Enum.Parse<T>(known) : throw Wrong(name, $"one of {string.Join(", ", Enum.GetNames<T>())}");
    }

    private static RequestException Wrong(string name, string wanted) => RequestException.Invalid($"Parameter '{name}': {wanted} is wanted.");
}
