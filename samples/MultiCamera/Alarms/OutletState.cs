namespace MultiCamera.Alarms;

/// <summary>How an outlet is.</summary>
internal enum OutletState
{
    /// <summary>It has not yet reached its other side.</summary>
    Starting,

    /// <summary>It hands on what it is given.</summary>
    Working,

    /// <summary>Its other side is away or full. It keeps what it can and tries again by itself.</summary>
    Failing,

    /// <summary>It was disposed.</summary>
    Stopped,
}
