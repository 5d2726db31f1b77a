namespace Fleet;

/// <summary>What an alarm is: something of a class comes into view.</summary>
internal sealed record AlarmRule(string ClassName)
{
    /// <summary>Who was in view, and is not seen for so long, has gone.</summary>
    public static readonly TimeSpan GoneAfter = TimeSpan.FromSeconds(3);
}
