namespace YoloZeroCopy;

/// <summary>A camera of a fleet, as it is kept in Redis.</summary>
public sealed record FleetCamera
{
    /// <summary>Its name: 1 to 64 letters, digits, '-' and '_'.</summary>
    public required string Id { get; init; }

    /// <summary>Where its frames come from; what is allowed the <see cref="ICameraRunner"/> says.</summary>
    public required string Source { get; init; }

    /// <summary>Where nodes cannot carry all cameras, those of higher priority run.</summary>
    public int Priority { get; init; }

    internal const int MaxSourceLength = 2048;

    internal void Validate()
    {
        FleetNames.ThrowIfNone(Id, nameof(Id));
        if (string.IsNullOrWhiteSpace(Source) || Source.Length > MaxSourceLength)
        {
            throw new ArgumentException(
                $"{nameof(Source)} of camera '{Id}' has {Source?.Length ?? 0} characters; wanted are 1 to {MaxSourceLength}.");
        }
    }
}
