using System.Globalization;
using MultiCamera.Alarms;

namespace MultiCamera.Tests.Outlets;

/// <summary>Makes alarms for tests.</summary>
internal static class TestAlarms
{
    public static Alarm Make(int number = 0, string camera = "gate") => new()
    {
        Time = new DateTimeOffset(2026, 11, 27, 10, 0, 0, TimeSpan.Zero).AddSeconds(number),
        Camera = camera,
        Rule = "loitering",
        Kind = AlarmKind.Dwell,
        Place = "yard",
        Value = number,
        Text = string.Create(CultureInfo.InvariantCulture, $"person 7 has been in yard for {number} s"),
        Objects = [new SeenObject(7, "person", 0.9f, 1, 2, 30.5f, 40)],
    };
}
