using System.Drawing;
using System.Globalization;

namespace YoloZeroCopy.Tests;

public sealed class DetectionTests
{
    private static readonly FrameFormat Format = new(PixelFormat.Gray8, 200, 100);
    private static readonly Detection Found = new(2, 0.875f, 20, 10, 60, 35);

    [Fact]
    public void Converts_to_the_forms_that_others_use()
    {
        Assert.Equal((40f, 22.5f, 40f, 25f), Found.ToXywh());
        Assert.Equal((0.2f, 0.225f, 0.2f, 0.25f), Found.ToXywhn(Format));
        Assert.Equal((0.1f, 0.1f, 0.3f, 0.35f), Found.ToXyxyn(Format));
        Assert.Equal((20f, 10f, 40f, 25f), Found.ToCoco());
        Assert.Equal((40f, 22.5f), (Found.CenterX, Found.CenterY));
    }

    [Fact]
    public void Moves_scales_and_clips_its_box_alone()
    {
        Assert.Equal(Found with { X1 = 10, Y1 = 20, X2 = 30, Y2 = 70 }, Found.Scale(0.5f, 2));
        Assert.Equal(Found with { X1 = 25, Y1 = 7, X2 = 65, Y2 = 32 }, Found.Offset(5, -3));
        Assert.Equal(Found with { X1 = 0, Y1 = 0, X2 = 20, Y2 = 15 }, Found.Offset(-40, -20).Clip(Format));
        Assert.Equal(Found with { X1 = 200, Y1 = 100, X2 = 200, Y2 = 100 }, Found.Offset(500, 500).Clip(Format));
        Assert.Equal(Found, Found.Clip(Format));
    }

    [Theory]
    [InlineData(0f)]
    [InlineData(-1f)]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void A_factor_is_above_zero(float factor)
    {
        _ = Assert.Throws<ArgumentOutOfRangeException>("x", () => Found.Scale(factor, 1));
        _ = Assert.Throws<ArgumentOutOfRangeException>("y", () => Found.Scale(1, factor));
    }

    [Theory]
    [InlineData(20, 10, 60, 35, 0, 20, 10, 40, 25)]
    [InlineData(20.5, 10.5, 59.5, 34.1, 0, 20, 10, 40, 25)]
    [InlineData(20, 10, 60, 35, 5, 15, 5, 50, 35)]
    [InlineData(0, 0, 200, 100, 7, 0, 0, 200, 100)]
    [InlineData(3, 3, 3, 3, 0, 3, 3, 1, 1)]
    [InlineData(200, 100, 200, 100, 0, 199, 99, 1, 1)]
    [InlineData(-50, -50, -40, -40, 0, 0, 0, 1, 1)]
    [InlineData(900, 900, 990, 990, 0, 199, 99, 1, 1)]
    [InlineData(10, 10, 20, 20, int.MaxValue, 0, 0, 200, 100)]
    public void The_pixels_to_cut_out_are_whole_and_inside_the_frame(
        float x1, float y1, float x2, float y2, int margin, int left, int top, int width, int height) =>
        Assert.Equal(new Rectangle(left, top, width, height), new Detection(0, 1, x1, y1, x2, y2).CropRectangle(Format, margin));

    [Fact]
    public void A_box_of_no_numbers_still_cuts_out_pixels_of_the_frame()
    {
        Rectangle cut = new Detection(0, 1, float.NaN, float.NaN, float.NaN, float.NaN).CropRectangle(Format);
        Assert.True(cut is { Width: >= 1, Height: >= 1 } && new Rectangle(0, 0, 200, 100).Contains(cut), cut.ToString());
    }

    [Fact]
    public void Wrong_frames_and_margins_are_refused()
    {
        _ = Assert.Throws<ArgumentException>("format", () => Found.ToXywhn(default));
        _ = Assert.Throws<ArgumentException>("format", () => Found.ToXyxyn(default));
        _ = Assert.Throws<ArgumentException>("format", () => Found.Clip(default));
        _ = Assert.Throws<ArgumentException>("format", () => Found.CropRectangle(default));
        _ = Assert.Throws<ArgumentOutOfRangeException>("margin", () => Found.CropRectangle(Format, -1));
    }

    [Fact]
    public void Reads_well_in_every_culture()
    {
        CultureInfo before = CultureInfo.CurrentCulture;
        CultureInfo withComma = (CultureInfo)CultureInfo.InvariantCulture.Clone();
        withComma.NumberFormat.NumberDecimalSeparator = ",";
        CultureInfo.CurrentCulture = withComma;
        try
        {
            Detection found = new(2, 0.875f, 20.28f, 10, 60, 35.5f);
            Assert.Equal("class2 0.88 at 20.3,10.0 to 60.0,35.5", found.ToString());
            Assert.Equal("nut 0.88 at 20.3,10.0 to 60.0,35.5", found.ToString(ModelInfo.OfClasses("bolt", "washer", "nut")));
            Assert.Equal("class2 0.88 at 20.3,10.0 to 60.0,35.5", found.ToString(ModelInfo.OfClasses("bolt")));
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }

    [Fact]
    public void A_format_reads_well()
    {
        Assert.Equal("Bgr24 1920x1080", new FrameFormat(PixelFormat.Bgr24, 1920, 1080).ToString());
        Assert.Equal("Bgr24 100x50, stride 512", new FrameFormat(PixelFormat.Bgr24, 100, 50, 512).ToString());
        Assert.Equal("P010 Bt709Full 20x10", new FrameFormat(PixelFormat.P010, 20, 10) { Color = YuvColor.Bt709Full }.ToString());
        Assert.Equal("Nv12 1920x1080", new FrameFormat(PixelFormat.Nv12, 1920, 1080).ToString());
        Assert.Equal(
            "Nv12 Bt709Limited 1920x1080", new FrameFormat(PixelFormat.Nv12, 1920, 1080) { Color = YuvColor.Bt709Limited }.ToString());
        Assert.Equal("no format", default(FrameFormat).ToString());
    }

    [Fact]
    public void A_class_is_found_by_its_name_and_a_wrong_name_lists_the_right_ones()
    {
        ModelInfo model = ModelInfo.OfClasses("bolt", "nut");
        Assert.Equal(1, model.IdOf("nut"));
        ArgumentException error = Assert.Throws<ArgumentException>(() => model.IdOf("Nut"));
        Assert.Contains("no class 'Nut'; it has bolt, nut.", error.Message, StringComparison.Ordinal);
        ModelInfo many = ModelInfo.OfClasses(Enumerable.Range(0, 103).Select(static id => $"c{id}"));
        Assert.Contains("c99 and 3 more.", Assert.Throws<ArgumentException>(() => many.IdOf("x")).Message, StringComparison.Ordinal);
        _ = Assert.Throws<ArgumentException>("names", () => ModelInfo.OfClasses());
    }
}
