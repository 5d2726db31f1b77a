using System.Runtime.InteropServices;
using SkiaSharp;

namespace YoloZeroCopy;

/// <summary>Finds places for the labels of many boxes: within the frame, beside their boxes, and beside each other.</summary>
/// <remarks>One label after the other takes the cheapest of some places around its box. From top to bottom, so that a label above its box finds the
/// place free, and the same objects a frame later get the same places.</remarks>
internal static class LabelLayout
{
    // To cover all of another label is worse than to hide another object, and that is worse than a place that is less usual or farther away.
    private const float LabelCost = 8;
    private const float ObjectCost = 1;
    private const float ShiftCost = 0.3f;
    private const float OrderCost = 0.03f;
    private const int StepsAlongEdge = 12;

    /// <summary>Places the labels.</summary>
    /// <param name="boxes">Boxes with their lines, cut to the frame.</param>
    /// <param name="sizes">Size of each box's label.</param>
    /// <param name="frame">Size of the frame.</param>
    /// <param name="places">Takes the places.</param>
    public static void Place(ReadOnlySpan<SKRectI> boxes, ReadOnlySpan<SKSizeI> sizes, SKSizeI frame, Span<SKRectI> places)
    {
        int[] order = new int[boxes.Length];
        long[] keys = new long[boxes.Length];
        for (int i = 0; i < boxes.Length; i++)
        {
            order[i] = i;
            keys[i] = ((long)boxes[i].Top << 32) + boxes[i].Left;
        }

        Array.Sort(keys, order);
        List<SKRectI> placed = new(boxes.Length);
        List<SKRectI> labels = [];
        List<SKRectI> objects = [];
        foreach (int index in order)
        {
            // Only what is near can be in the way.
            SKRectI box = boxes[index];
            SKSizeI size = sizes[index];
            SKRectI near = SKRectI.Inflate(box, size.Width * 2, size.Height * 2);
            labels.Clear();
            objects.Clear();
            foreach (SKRectI label in placed)
            {
                if (label.IntersectsWith(near))
                {
                    labels.Add(label);
                }
            }

            for (int other = 0; other < boxes.Length; other++)
            {
                if (other != index && boxes[other].IntersectsWith(near))
                {
                    objects.Add(boxes[other]);
                }
            }

            Search search = new(size, frame, CollectionsMarshal.AsSpan(labels), CollectionsMarshal.AsSpan(objects));
            search.TryCorners(box);
            if (search.CoversLabel)
            {
                search.TryEdges(box);
            }

            places[index] = search.Best;
            placed.Add(search.Best);
        }
    }

    private static long Overlap(SKRectI one, SKRectI other)
    {
        int width = Math.Min(one.Right, other.Right) - Math.Max(one.Left, other.Left);
        int height = Math.Min(one.Bottom, other.Bottom) - Math.Max(one.Top, other.Top);
        return width > 0 && height > 0 ? (long)width * height : 0;
    }

    /// <summary>The search for one label's place.</summary>
    private ref struct Search(SKSizeI size, SKSizeI frame, ReadOnlySpan<SKRectI> labels, ReadOnlySpan<SKRectI> objects)
    {
        private readonly ReadOnlySpan<SKRectI> labels = labels;
        private readonly ReadOnlySpan<SKRectI> objects = objects;
        private float bestCost = float.PositiveInfinity;
        private int tried;

        public SKRectI Best { get; private set; }

        public bool CoversLabel { get; private set; }

        /// <summary>Flush with a corner of the box: above, below, inside, at the sides.</summary>
        public void TryCorners(SKRectI box)
        {
            (int left, int right) = (box.Left, box.Right - size.Width);
            (int top, int bottom) = (box.Top, box.Bottom - size.Height);
            Try(left, box.Top - size.Height);
            Try(right, box.Top - size.Height);
            Try(left, box.Bottom);
            Try(right, box.Bottom);
            Try(left, top);
            Try(right, top);
            Try(left, bottom);
            Try(right, bottom);
            Try(box.Right, top);
            Try(box.Left - size.Width, top);
            Try(box.Right, bottom);
            Try(box.Left - size.Width, bottom);
        }

        /// <summary>Anywhere along the edges of the box, outside and inside.</summary>
        public void TryEdges(SKRectI box)
        {
            for (int step = 0; step <= StepsAlongEdge; step++)
            {
                int x = box.Left - size.Width + ((box.Width + size.Width) * step / StepsAlongEdge);
                int y = box.Top - size.Height + ((box.Height + size.Height) * step / StepsAlongEdge);
                Try(x, box.Top - size.Height);
                Try(x, box.Bottom);
                Try(x, box.Top);
                Try(x, box.Bottom - size.Height);
                Try(box.Right, y);
                Try(box.Left - size.Width, y);
                Try(box.Left, y);
                Try(box.Right - size.Width, y);
            }
        }

        private void Try(int x, int y)
        {
            int left = Math.Max(0, Math.Min(x, frame.Width - size.Width));
            int top = Math.Max(0, Math.Min(y, frame.Height - size.Height));
            SKRectI place = SKRectI.Create(left, top, size.Width, size.Height);
            float cost = (OrderCost * tried++) + (ShiftCost * (Math.Abs(left - x) + Math.Abs(top - y)) / size.Height);
            if (cost >= bestCost)
            {
                return;
            }

            long covered = 0;
            foreach (SKRectI label in labels)
            {
                covered += Overlap(place, label);
            }

            cost += LabelCost * covered / ((long)size.Width * size.Height);
            for (int i = 0; i < objects.Length && cost < bestCost; i++)
            {
                cost += ObjectCost * Overlap(place, objects[i]) / Math.Max(1, (long)objects[i].Width * objects[i].Height);
            }

            if (cost < bestCost)
            {
                (bestCost, Best, CoversLabel) = (cost, place, covered > 0);
            }
        }
    }
}
