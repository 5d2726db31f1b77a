namespace MultiCamera.Alarms;

/// <summary>One object in a frame. The box is in pixels of the frame.</summary>
/// <param name="Track">The camera's number of the object, kept from frame to frame; null where none was given.</param>
/// <param name="Class">Name of its class.</param>
/// <param name="Score">0 to 1.</param>
/// <param name="X1">Left.</param>
/// <param name="Y1">Top.</param>
/// <param name="X2">Right.</param>
/// <param name="Y2">Bottom.</param>
internal readonly record struct SeenObject(long? Track, string Class, float Score, float X1, float Y1, float X2, float Y2);
