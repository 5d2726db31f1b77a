namespace MultiCamera.Settings;

/// <summary>The file cannot be used. The message has a line for each mistake, with file, line and field.</summary>
internal sealed class SettingsException(string message, Exception? inner = null) : Exception(message, inner);
