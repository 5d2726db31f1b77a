using MultiCamera.Settings;

namespace MultiCamera.Rules;

/// <summary>Points, polygons and lines.</summary>
internal static class Geometry
{
    /// <summary>Whether a point is within a polygon, which may be concave. Of one that crosses itself, the parts that lie in it twice are
    /// outside.</summary>
    public static bool Contains(IReadOnlyList<Place> polygon, Place point)
    {
        bool isWithin = false;
        Place last = polygon[^1];
        foreach (Place next in polygon)
        {
            if ((next.Y > point.Y) != (last.Y > point.Y)
                && point.X < ((last.X - next.X) * (point.Y - next.Y) / (last.Y - next.Y)) + next.X)
            {
                isWithin = !isWithin;
            }

            last = next;
        }

        return isWithin;
    }

    /// <summary>Whether a step crosses a line: 1 from its left to its right, -1 from right to left, else 0. Whoever stands on the line is still on
    /// its left.</summary>
    public static int Crossing(LineSettings line, Place before, Place after)
    {
        // The picture's y grows downwards, so that a positive side is the right one.
        bool wasRight = Side(line.From, line.To, before) > 0;
        bool isRight = Side(line.From, line.To, after) > 0;
        if (wasRight == isRight)
        {
            return 0;
        }

        bool isWithinEnds = Side(before, after, line.From) > 0 != Side(before, after, line.To) > 0;
        return !isWithinEnds ? 0 : isRight ? 1 : -1;
    }

    private static float Side(Place from, Place to, Place point) =>
        ((to.X - from.X) * (point.Y - from.Y)) - ((to.Y - from.Y) * (point.X - from.X));
}
