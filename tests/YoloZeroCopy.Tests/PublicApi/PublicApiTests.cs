namespace YoloZeroCopy.Tests;

/// <summary>A change of what users can see is made on purpose: the list of it is a file in the repository.</summary>
public class PublicApiTests
{
    private const string UpdateVariable = "YZC_UPDATE_PUBLIC_API";
    private const string File = "src/YoloZeroCopy/PublicAPI.txt";

    [Fact]
    public void Public_surface_is_the_committed_one()
    {
        string path = Path.Combine(FindRepository(), File);
        string[] actual = PublicApiListing.Of(typeof(Detection).Assembly);
        if (Environment.GetEnvironmentVariable(UpdateVariable) == "1")
        {
            System.IO.File.WriteAllText(path, string.Join('\n', actual) + '\n');
        }

        string[] committed = System.IO.File.Exists(path) ? System.IO.File.ReadAllLines(path) : [];
        string[] changes = [.. committed.Except(actual).Select(line => $"- {line}").Concat(actual.Except(committed).Select(line => $"+ {line}"))];
        Assert.True(
            changes.Length == 0,
            $"The public surface is not that of {File}:\n{string.Join('\n', changes)}\nIf that is wanted, run this test with {UpdateVariable}=1 and commit the file.");
        Assert.Equal(committed, actual); // Order, and nothing twice.
    }

    [Fact]
    public void Listing_reads_like_declarations()
    {
        string[] lines = PublicApiListing.Of(typeof(Detection).Assembly);
        Assert.Contains("YoloZeroCopy.Detection : readonly record struct", lines);
        Assert.Contains("YoloZeroCopy.Detection > Detection(int ClassId, float Score, float X1, float Y1, float X2, float Y2)", lines);
        Assert.Contains("YoloZeroCopy.Detection > float Width { get; }", lines);
        Assert.Contains("YoloZeroCopy.OutputLayout : enum", lines);
        Assert.Contains("YoloZeroCopy.OutputLayout > EndToEnd = 2", lines);
        Assert.Contains("YoloZeroCopy.InferenceException > InferenceException(string message, Exception? innerException = null)", lines);
        Assert.Contains("YoloZeroCopy.ModelInfo > required ImmutableArray<string> Names { get; init; }", lines);
        Assert.DoesNotContain(lines, line => line.Contains("DetectionDecoder", StringComparison.Ordinal) || line.Contains("PrintMembers", StringComparison.Ordinal));
    }

    private static string FindRepository()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (System.IO.File.Exists(Path.Combine(folder.FullName, "YoloZeroCopy.sln")))
            {
                return folder.FullName;
            }
        }

        throw new InvalidOperationException($"No folder above {AppContext.BaseDirectory} holds YoloZeroCopy.sln; run the tests from a build inside the repository.");
    }
}
