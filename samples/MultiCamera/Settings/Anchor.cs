namespace MultiCamera.Settings;

/// <summary>The point of a box that stands for the object.</summary>
internal enum Anchor
{
    Middle,

    /// <summary>The middle of the lower side: where people and vehicles stand on the ground.</summary>
    Bottom,
}
