using MultiCamera.Alarms;

namespace MultiCamera.Rules;

/// <summary>What a rule has to raise an alarm for.</summary>
/// <param name="Rule">Name of the rule.</param>
/// <param name="Kind">What the rule watches for.</param>
/// <param name="Place">Name of the zone or the line; empty for the whole picture.</param>
/// <param name="Value">As <see cref="Alarm.Value"/>.</param>
/// <param name="Objects">Whom it is about.</param>
internal sealed record RuleHit(string Rule, AlarmKind Kind, string Place, double Value, IReadOnlyList<ObjectTrack> Objects);
