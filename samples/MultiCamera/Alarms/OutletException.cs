namespace MultiCamera.Alarms;

/// <summary>An outlet could not keep what it was given.</summary>
internal sealed class OutletException(string message, Exception? inner = null) : Exception(message, inner);
