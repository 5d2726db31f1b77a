using YoloZeroCopy.Tests;

namespace YoloZeroCopy.Cuda.Tests;

/// <summary>A change of what users can see is made on purpose: the list of it is a file in the repository.</summary>
public class PublicApiTests
{
    private const string UpdateVariable = "YZC_UPDATE_PUBLIC_API";
    private const string Listing = "src/YoloZeroCopy.Cuda/PublicAPI.txt";

    [Fact]
    public void Public_surface_is_the_committed_one()
    {
        string path = Path.Combine(FindRepository(), Listing);
        string[] actual = PublicApiListing.Of(typeof(CudaDriver).Assembly);
        if (Environment.GetEnvironmentVariable(UpdateVariable) == "1")
        {
            File.WriteAllText(path, string.Join('\n', actual) + '\n');
        }

        string[] committed = File.Exists(path) ? File.ReadAllLines(path) : [];
        string[] changes = [.. committed.Except(actual).Select(line => $"- {line}").Concat(actual.Except(committed).Select(line => $"+ {line}"))];
        Assert.True(
            changes.Length == 0,
            $"The public surface is not that of {Listing}:\n{string.Join('\n', changes)}\n"
            + $"If that is wanted, run this test with {UpdateVariable}=1 and commit the file.");
        Assert.Equal(committed, actual);
    }

    private static string FindRepository()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "YoloZeroCopy.sln")))
            {
                return folder.FullName;
            }
        }

        throw Xunit.Sdk.SkipException.ForSkip("This program runs outside of the repository.");
    }
}
