using SkiaSharp;

namespace YoloZeroCopy.Imaging.Tests;

public sealed class LabelLayoutTests
{
    private static readonly SKSizeI Frame = new(640, 480);

    [Theory]
    [InlineData(100, 100, 200, 200, 100, 80)]
    [InlineData(100, 10, 200, 200, 100, 200)]
    [InlineData(100, 0, 200, 480, 100, 0)]
    [InlineData(600, 100, 640, 200, 560, 80)]
    [InlineData(600, 10, 640, 200, 560, 200)]
    [InlineData(0, 0, 640, 480, 0, 0)]
    public void A_lone_label_stands_above_its_box_or_where_there_is_room(int left, int top, int right, int bottom, int x, int y) =>
        Assert.Equal(SKRectI.Create(x, y, 80, 20), Assert.Single(Place([new SKRectI(left, top, right, bottom)], new SKSizeI(80, 20), Frame)));

    [Fact]
    public void The_second_label_of_one_place_goes_elsewhere()
    {
        SKRectI box = new(100, 100, 200, 200);

        SKRectI[] places = Place([box, box, box], new SKSizeI(80, 20), Frame);

        Assert.Equal(SKRectI.Create(100, 80, 80, 20), places[0]);
        Assert.Equal(0, Overlap(places));
        Assert.All(places, place => Assert.True(place.IntersectsWith(SKRectI.Inflate(box, 1, 1)), $"{place} is away from its box"));
    }

    [Fact]
    public void A_label_avoids_hiding_another_object()
    {
        SKRectI small = new(100, 60, 140, 98);

        SKRectI[] places = Place([new SKRectI(100, 100, 300, 300), small], new SKSizeI(80, 20), Frame);

        Assert.False(places[0].IntersectsWith(small), places[0].ToString());
    }

    [Fact]
    public void Sixty_labels_keep_within_the_frame_and_off_each_other()
    {
        long all = 0;
        long overlap = 0;
        for (int seed = 0; seed < 20; seed++)
        {
            Random random = new(seed);
            SKRectI[] boxes = new SKRectI[60];
            for (int i = 0; i < boxes.Length; i++)
            {
                (int width, int height) = (random.Next(8, 200), random.Next(8, 200));
                boxes[i] = SKRectI.Create(random.Next(Frame.Width - width), random.Next(Frame.Height - height), width, height);
            }

            SKSizeI size = new(60, 14);
            SKRectI[] places = Place(boxes, size, Frame);
            Assert.All(places, place => Assert.True(new SKRectI(0, 0, Frame.Width, Frame.Height).Contains(place), place.ToString()));
            Assert.All(places, (place, index) => Assert.True(place.IntersectsWith(SKRectI.Inflate(boxes[index], size.Width + 1, size.Height + 1))));
            all += 60 * size.Width * size.Height;
            overlap += Overlap(places);
        }

        // Above its box each, they would cover 14 % of each other.
        Assert.InRange((double)overlap / all, 0, 0.005);
    }

    [Fact]
    public void Labels_larger_than_the_frame_begin_at_its_corner()
    {
        SKRectI[] places = Place([new SKRectI(3, 3, 9, 9), new SKRectI(0, 0, 1, 1)], new SKSizeI(80, 20), new SKSizeI(10, 10));

        Assert.All(places, place => Assert.Equal(SKRectI.Create(0, 0, 80, 20), place));
        Assert.Empty(Place([], default, Frame));
    }

    private static SKRectI[] Place(SKRectI[] boxes, SKSizeI size, SKSizeI frame)
    {
        SKRectI[] places = new SKRectI[boxes.Length];
        LabelLayout.Place(boxes, [.. boxes.Select(_ => size)], frame, places);
        return places;
    }

    private static long Overlap(SKRectI[] places)
    {
        long sum = 0;
        for (int i = 0; i < places.Length; i++)
        {
            for (int other = 0; other < i; other++)
            {
                SKRectI common = SKRectI.Intersect(places[i], places[other]);
                sum += common.Width > 0 && common.Height > 0 ? (long)common.Width * common.Height : 0;
            }
        }

        return sum;
    }
}
