namespace MultiCamera.Settings;

/// <summary>Which way a line is crossed, for someone who stands at its beginning and looks to its end.</summary>
internal enum Direction
{
    Any,

    LeftToRight,

    RightToLeft,
}
