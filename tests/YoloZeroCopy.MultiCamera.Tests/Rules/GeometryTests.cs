using MultiCamera.Rules;
using MultiCamera.Settings;

namespace MultiCamera.Tests.Rules;

public sealed class GeometryTests
{
    // A U: its middle is outside.
    private static readonly Place[] Concave =
    [
        new(0, 0), new(0.2f, 0), new(0.2f, 0.8f), new(0.8f, 0.8f), new(0.8f, 0), new(1, 0), new(1, 1), new(0, 1),
    ];

    [Theory]
    [InlineData(0.1f, 0.5f, true)]
    [InlineData(0.9f, 0.5f, true)]
    [InlineData(0.5f, 0.9f, true)]
    [InlineData(0.5f, 0.5f, false)]
    [InlineData(0.5f, -0.1f, false)]
    [InlineData(1.1f, 0.9f, false)]
    public void A_point_is_within_a_concave_polygon_or_not(float x, float y, bool isWithin) =>
        Assert.Equal(isWithin, Geometry.Contains(Concave, new Place(x, y)));

    // The line goes up the picture, so that its right is the picture's right.
    [Theory]
    [InlineData(0.4f, 0.5f, 0.6f, 0.5f, 1)]
    [InlineData(0.6f, 0.5f, 0.4f, 0.5f, -1)]
    [InlineData(0.4f, 0.5f, 0.45f, 0.5f, 0)]
    [InlineData(0.4f, 0.1f, 0.6f, 0.1f, 0)]
    [InlineData(0.4f, 0.95f, 0.6f, 0.95f, 0)]
    [InlineData(0.5f, 0.5f, 0.5f, 0.5f, 0)]
    public void A_step_crosses_a_line_between_its_ends(float x1, float y1, float x2, float y2, int way)
    {
        LineSettings line = new() { Name = "line", From = new Place(0.5f, 0.8f), To = new Place(0.5f, 0.2f) };
        Assert.Equal(way, Geometry.Crossing(line, new Place(x1, y1), new Place(x2, y2)));
    }

    [Fact]
    public void Whoever_stops_on_a_line_crosses_it_once_on_leaving_it_or_not_at_all()
    {
        LineSettings line = new() { Name = "line", From = new Place(0.5f, 1), To = new Place(0.5f, 0) };
        Place left = new(0.4f, 0.5f);
        Place on = new(0.5f, 0.5f);
        Place right = new(0.6f, 0.5f);
        Assert.Equal(1, Geometry.Crossing(line, left, on) + Geometry.Crossing(line, on, right));
        Assert.Equal(-1, Geometry.Crossing(line, right, on) + Geometry.Crossing(line, on, left));
        Assert.Equal(0, Geometry.Crossing(line, left, on) + Geometry.Crossing(line, on, left));
        Assert.Equal(0, Geometry.Crossing(line, right, on) + Geometry.Crossing(line, on, right));
    }
}
