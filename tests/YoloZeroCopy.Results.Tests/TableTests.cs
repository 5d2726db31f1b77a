using YoloZeroCopy.Tests;

namespace YoloZeroCopy.Results.Tests;

public sealed class TableTests : IDisposable
{
    private const string Document = "Before.\n<!-- table: t -->\nmeasured long ago\n<!-- end of table -->\nAfter.\n";

    private static readonly BenchTable Rates = new(
        "t",
        [("one", "gpu/one"), ("two", "gpu/two")],
        [
            ("end to end", static file => file.Short("end_to_end_fps")), ("of the smaller", static file => Numbers.Ratio(file.OfTheSmaller ?? 0)),
            ("nobody tells", static file => file.Short("nothing")), ("one frame", static file => file.Microseconds("single_latency_us.p99")),
        ]);

    private readonly TempFolder folder = new();

    public TableTests() => Directory.CreateDirectory(folder.File("gpu"));

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_table_without_files_stays_as_it_is() => Assert.Equal(Document, Rewrite(Document, Rates));

    [Fact]
    public void A_table_has_the_columns_that_there_are_and_says_where_they_come_from()
    {
        Put("gpu/two", Made.Bench(1800));
        string rewritten = Rewrite(Document, Rates);
        Assert.Equal(
            """
            Before.
            <!-- table: t -->
            | | two |
            | --- | ---: |
            | end to end | 1,800 |
            | of the smaller | 0.900 |
            | one frame | 1.49 ms |

            2026-01-02; A GPU, A CPU, 16 cores; driver 580.1; .NET 10.0.1; load average before 1.3; 1.2.3 at 0123456.
            <!-- end of table -->
            After.

            """,
            rewritten);

        // A second time it changes nothing, and another file only adds its column.
        Assert.Equal(rewritten, Rewrite(rewritten, Rates));
        Put("gpu/one", Made.Bench(1900, day: "2026-01-05"));
        string both = Rewrite(rewritten, Rates);
        Assert.Contains("| | one | two |\n| --- | ---: | ---: |\n| end to end | 1,900 | 1,800 |\n", both, StringComparison.Ordinal);
        Assert.Contains("2026-01-02, 2026-01-05; A GPU", both, StringComparison.Ordinal);
    }

    [Fact]
    public void Figures_of_two_machines_are_not_put_into_one_table()
    {
        Put("gpu/one", Made.Bench(1800));
        Put("gpu/two", Made.Bench(1800, device: "Another GPU"));
        Assert.Contains("Another GPU", Assert.Throws<ResultException>(() => Rewrite(Document, Rates)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_suite_is_a_grid_of_its_figures()
    {
        Made.File(
            ("rent: and return: time", Made.Time(23.04, 1.2)),
            ("rent: and return: managed bytes", Made.Bytes(0)),
            ("other: time", Made.Time(1_234_567, null)))
            .Write(folder.File("gpu/suite.json"));
        Assert.Contains(
            """
            | call | time | managed bytes |
            | --- | ---: | ---: |
            | rent: and return | 23.0 ns ± 5 % | 0 |
            | other | 1.23 ms | |

            2026-01-02; A CPU, 8 cores;
            """,
            Rewrite(Document, new GridTable("t", "gpu/suite", "call")),
            StringComparison.Ordinal);
    }

    [Fact]
    public void Lists_and_videos_are_tables_of_their_items()
    {
        Put("gpu/one", Made.Bench(1800));
        ListTable kernels = new(
            "t", "kernels", "profile.classes", [("one", "gpu/one")], static (file, path) => file.Microseconds(path + ".us"));
        Assert.Contains(
            "| kernels | one |\n| --- | ---: |\n| convolution 3x3 | 400 us |\n| decoding | 100 us |\n",
            Rewrite(Document, kernels),
            StringComparison.Ordinal);
        string video = Rewrite(Document, new VideoTable("t", "gpu/one"));
        Assert.Contains("| streams | 1 | 32 |\n| --- | ---: | ---: |\n| decoded only, frames/s | 700 | 5,000 |\n", video, StringComparison.Ordinal);
        Assert.Contains("| p99 | 5.80 ms | |\n", video, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("<!-- table: u -->\n<!-- end of table -->", "'u'")]
    [InlineData("<!-- table: t -->\nno end", "has no end")]
    [InlineData("<!-- table: t -->\n<!-- table: t -->\n<!-- end of table -->", "has no end")]
    [InlineData("<!-- table: t -->\n<!-- end of table -->\n<!-- table: t -->\n<!-- end of table -->", "twice")]
    [InlineData("text <!-- end of table -->", "ends no table")]
    public void A_document_with_wrong_markers_is_refused(string document, string wanted) =>
        Assert.Contains(wanted, Assert.Throws<ResultException>(() => Rewrite(document, Rates)).Message, StringComparison.Ordinal);

    [Fact]
    public void The_tables_of_the_documentation_are_those_of_the_result_files()
    {
        string root = Root();
        string document = File.ReadAllText(Path.Combine(root, "docs", "performance.md"));
        Assert.Equal(document, TableDocument.Rewrite(document, TableList.All, new ResultFolder(Path.Combine(root, "benchmarks", "results"))));
    }

    /// <summary>A result file that no table shows is a figure that nobody reads.</summary>
    [Fact]
    public void Every_table_is_in_the_documentation_and_no_result_file_is_broken()
    {
        string root = Root();
        string document = File.ReadAllText(Path.Combine(root, "docs", "performance.md"));
        Assert.All(TableList.All, table => Assert.Contains($"<!-- table: {table.Name} -->", document, StringComparison.Ordinal));
        Assert.All(
            Directory.EnumerateFiles(Path.Combine(root, "benchmarks", "results"), "*.json", SearchOption.AllDirectories),
            static path => Assert.NotEmpty(ResultFile.Read(path).Figures));
    }

    private static string Root()
    {
        string folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "YoloZeroCopy.sln")))
        {
            folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("These tests run below the checkout.");
        }

        return folder;
    }

    private void Put(string name, string text) => File.WriteAllText(folder.File(name + ".json"), text);

    private string Rewrite(string document, Table table) => TableDocument.Rewrite(document, [table], new ResultFolder(folder.Path));
}
