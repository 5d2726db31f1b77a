namespace YoloZeroCopy;

/// <summary>One object that the model found in a frame.</summary>
/// <param name="ClassId">Index of the class in the model's names.</param>
/// <param name="Score">Confidence, 0 to 1.</param>
/// <param name="X1">Left edge in pixels of the frame, 0 to its width.</param>
/// <param name="Y1">Top edge in pixels of the frame, 0 to its height.</param>
/// <param name="X2">Right edge in pixels of the frame, at least <paramref name="X1"/>.</param>
/// <param name="Y2">Bottom edge in pixels of the frame, at least <paramref name="Y1"/>.</param>
public readonly record struct Detection(int ClassId, float Score, float X1, float Y1, float X2, float Y2)
{
    /// <summary>Width of the box in pixels.</summary>
    public float Width => X2 - X1;

    /// <summary>Height of the box in pixels.</summary>
    public float Height => Y2 - Y1;

    /// <summary>Refuses what no detector could have found in such a frame.</summary>
    internal void ThrowIfImpossible(in FrameFormat format, int classLimit)
    {
        if ((uint)ClassId >= (uint)classLimit)
        {
            throw new ArgumentException($"{this} has class {ClassId}; 0 to {classLimit - 1} are wanted.");
        }

        // Written so that NaN is refused.
        if (!(Score is >= 0 and <= 1))
        {
            throw new ArgumentException($"{this} has a score outside 0 to 1.");
        }

        if (!(X1 >= 0 && X1 <= X2 && X2 <= format.Width && Y1 >= 0 && Y1 <= Y2 && Y2 <= format.Height))
        {
            throw new ArgumentException($"{this} is no box inside a frame of {format.Width}x{format.Height} pixels.");
        }
    }
}
