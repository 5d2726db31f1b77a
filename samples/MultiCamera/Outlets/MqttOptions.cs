using MultiCamera.Alarms;

namespace MultiCamera.Outlets;

/// <summary>Alarms and status to an MQTT broker.</summary>
/// <remarks>
/// Topics, below <see cref="Topic"/>: <c>alarms/CAMERA</c> has each alarm once, QoS 1; <c>cameras/CAMERA</c> a camera's status and <c>status</c> the
/// program's, both retained. The broker says "offline" for the program when it goes without a word.
/// </remarks>
internal sealed record MqttOptions
{
    public string Host { get; init; } = "localhost";

    /// <summary>0: 1883, or 8883 with TLS.</summary>
    public int Port { get; init; }

    public bool Tls { get; init; }

    /// <summary>PEM file of the authority that signed the broker's certificate; null: those of the system.</summary>
    public string? CertificateAuthority { get; init; }

    public string? User { get; init; }

    /// <summary>File with the password, so that the configuration holds none.</summary>
    public string? PasswordFile { get; init; }

    /// <summary>The broker's name for this program: two programs must not have the same.</summary>
    public string ClientId { get; init; } = "multicamera";

    /// <summary>What all topics begin with.</summary>
    public string Topic { get; init; } = "multicamera";

    /// <summary>File of the alarms that the broker does not have yet. A second file lies beside it while the program runs.</summary>
    public string QueueFile { get; init; } = "mqtt-queue.db";

    /// <summary>Alarms that it holds at most. A new one then takes the place of the oldest, which is counted as dropped.</summary>
    public int QueueLimit { get; init; } = 100_000;

    /// <summary>What is wrong with the options: names of fields as they stand here, and what is wanted.</summary>
    public IEnumerable<(string Field, string Problem)> Check()
    {
        if (string.IsNullOrWhiteSpace(Host))
        {
            yield return (nameof(Host), "is empty; wanted is the broker's host name or address");
        }

        if (Port is < 0 or > 65535)
        {
            yield return (nameof(Port), $"is {Port}; wanted is 1 to 65535, or 0 for 1883, with TLS 8883");
        }

        if (CertificateAuthority is not null && !Tls)
        {
            yield return (nameof(CertificateAuthority), "has no effect without Tls");
        }

        if (PasswordFile is not null && User is null)
        {
            yield return (nameof(PasswordFile), "has no effect without User");
        }

        if (string.IsNullOrWhiteSpace(ClientId))
        {
            yield return (nameof(ClientId), "is empty; wanted is a name that no other program has at this broker");
        }

        if (!Topic.Split('/').All(Names.IsValid))
        {
            yield return (nameof(Topic), $"is '{Topic}'; wanted are levels parted by '/', each {Names.Rule}");
        }

        if (string.IsNullOrWhiteSpace(QueueFile))
        {
            yield return (nameof(QueueFile), "is empty; wanted is a file for the alarms that the broker does not have yet");
        }

        if (QueueLimit < 1)
        {
            yield return (nameof(QueueLimit), $"is {QueueLimit}; wanted is 1 or more");
        }
    }
}
