using System.Collections.Immutable;

namespace YoloZeroCopy.Tests;

public class ModelMetadataTests
{
    [Theory]
    [InlineData("{0: 'person', 1: 'bicycle'}", "person|bicycle")]
    [InlineData("{0: \"driver's seat\", 1: 'it\\'s', 2: 'back\\\\slash'}", "driver's seat|it's|back\\slash")]
    [InlineData("['a', \"b\",]", "a|b")]
    [InlineData("('a', 'b')", "a|b")]
    [InlineData("{\"0\": \"a\", \"1\": \"b\"}", "a|b")]
    [InlineData("{1: 'b', 0: 'a'}", "a|b")]
    [InlineData("{0: 'a', 2: 'c'}", "a|class1|c")]
    [InlineData("{0: 'Schraube gr\\u00f6\\xdfer', 1: '\\U0001f529', 2: 'a{b}: [c], '}", "Schraube größer|\U0001f529|a{b}: [c], ")]
    [InlineData("  {  0  :  'a'  ,  }  ", "a")]
    public void Reads_names(string text, string wanted)
    {
        Assert.True(ModelMetadata.TryReadNames(text, out ImmutableArray<string> names));
        Assert.Equal(wanted.Split('|'), names.AsEnumerable());
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("{0: 'a'")]
    [InlineData("{0: 'a")]
    [InlineData("{0 'a'}")]
    [InlineData("{0: 'a'} x")]
    [InlineData("{-1: 'a'}")]
    [InlineData("{65536: 'a'}")]
    [InlineData("{99999999999999999999: 'a'}")]
    [InlineData("{0: 5}")]
    [InlineData("{'x': 'a'}")]
    [InlineData("[['a']]")]
    [InlineData("'a'")]
    [InlineData("{0: '\\u12'}")]
    [InlineData("{0: '\\U00110000'}")]
    [InlineData("__import__('os')")]
    public void Reports_names_it_cannot_read(string? text)
    {
        Assert.False(ModelMetadata.TryReadNames(text, out ImmutableArray<string> names));
        Assert.Empty(names);
    }

    [Theory]
    [InlineData("[640, 480]", 480, 640)]
    [InlineData("640", 640, 640)]
    [InlineData("[320]", 320, 320)]
    [InlineData("(64, 96)", 96, 64)]
    public void Reads_the_image_size_as_height_then_width(string text, int width, int height)
    {
        Assert.True(ModelMetadata.TryReadImageSize(text, out (int Width, int Height) size));
        Assert.Equal((width, height), size);
    }

    [Theory]
    [InlineData("[640, 640, 3]")]
    [InlineData("[]")]
    [InlineData("0")]
    [InlineData("-640")]
    [InlineData("640.5")]
    [InlineData("[640, 'a']")]
    [InlineData("9000")]
    [InlineData("640x640")]
    public void Reports_an_image_size_it_cannot_read(string text) => Assert.False(ModelMetadata.TryReadImageSize(text, out _));

    [Theory]
    [InlineData("32", 32)]
    [InlineData("[8.0, 16.0, 32.0]", 32)]
    [InlineData("32.0", 32)]
    public void Reads_the_stride(string text, int wanted)
    {
        Assert.True(ModelMetadata.TryReadStride(text, out int stride));
        Assert.Equal(wanted, stride);
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("0")]
    [InlineData("NaN")]
    [InlineData("1e30")]
    [InlineData("[32, 'x']")]
    public void Reports_a_stride_it_cannot_read(string text) => Assert.False(ModelMetadata.TryReadStride(text, out _));

    [Theory]
    [InlineData("True", null, true)]
    [InlineData("False", null, false)]
    [InlineData("False", "{'batch': 1, 'half': False, 'nms': True}", true)]
    [InlineData(null, "{'batch': 1, 'nms': False}", null)]
    [InlineData("maybe", "{broken", null)]
    [InlineData(null, null, null)]
    public void Reads_whether_detections_are_finished(string? endToEnd, string? args, bool? wanted)
    {
        Dictionary<string, string> metadata = [];
        if (endToEnd is not null)
        {
            metadata["end2end"] = endToEnd;
        }

        if (args is not null)
        {
            metadata["args"] = args;
        }

        Assert.Equal(wanted, ModelMetadata.ReadEndToEnd(metadata));
    }

    [Fact]
    public void Depth_and_length_are_bounded()
    {
        Assert.False(PythonLiteral.TryParse(new string('[', 100_000), out _));
        Assert.False(PythonLiteral.TryParse(string.Concat(new string('[', 40), new string(']', 40)), out _));
        Assert.False(PythonLiteral.TryParse(new string(' ', (1 << 22) + 1), out _));
        Assert.False(PythonLiteral.TryParse($"[{string.Concat(Enumerable.Repeat("1,", 300_000))}]", out _));
        Assert.False(ModelMetadata.TryReadNames($"['{new string('x', 2000)}']", out _));
    }

    [Fact]
    public void Never_throws_on_damaged_text()
    {
        string[] seeds =
        [
            "{0: 'person', 1: \"driver's \\u00e9\\x41\", 2: 'a\\'b'}", "[640, 640]",
                "{'batch': 1, 'half': False, 'nms': True, 'x': None, 'y': 1.5e3}", "(8.0, 16.0, 32.0)",
        ];
        const string Pieces = "{}[]()'\":,\\xuUnN0123456789.-+eTFa \0\u00e9\ud83d";
        Random random = new(20_261);
        int readable = 0;
        for (int round = 0; round < 40_000; round++)
        {
            List<char> text = [.. seeds[random.Next(seeds.Length)]];
            for (int mutation = random.Next(1, 6); mutation > 0; mutation--)
            {
                int at = random.Next(text.Count + 1);
                switch (random.Next(4))
                {
                    case 0 when at < text.Count:
                        text.RemoveAt(at);
                        break;
                    case 1 when at < text.Count:
                        text[at] = Pieces[random.Next(Pieces.Length)];
                        break;
                    case 2:
                        text.RemoveRange(at, text.Count - at);
                        break;
                    default:
                        text.Insert(at, Pieces[random.Next(Pieces.Length)]);
                        break;
                }
            }

            string damaged = new([.. text]);
            if (ModelMetadata.TryReadNames(damaged, out ImmutableArray<string> names))
            {
                readable++;
                Assert.InRange(names.Length, 1, ModelMetadata.MaxClasses);
                Assert.All(names, Assert.NotNull);
            }

            if (ModelMetadata.TryReadImageSize(damaged, out (int Width, int Height) size))
            {
                Assert.InRange(size.Width, 1, FrameFormat.MaxSize);
                Assert.InRange(size.Height, 1, FrameFormat.MaxSize);
            }

            if (ModelMetadata.TryReadStride(damaged, out int stride))
            {
                Assert.InRange(stride, 1, 1024);
            }

            ModelMetadata.ReadEndToEnd(new Dictionary<string, string> { ["end2end"] = damaged, ["args"] = damaged });
        }

        // The mutations are mild enough that many texts stay readable: both ways through the parser are walked.
        Assert.InRange(readable, 1000, 39_000);
    }
}
