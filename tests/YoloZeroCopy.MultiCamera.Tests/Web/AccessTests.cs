using MultiCamera.Settings;
using MultiCamera.Web;

namespace MultiCamera.Tests.Web;

public sealed class AccessTests : IDisposable
{
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("", "the token has 0 characters")]
    [InlineData("123456789012345\nmore\n", "the token has 15 characters; wanted are 16")]
    public void A_token_that_could_be_guessed_is_refused(string content, string words)
    {
        File.WriteAllText(folder.File("token"), content);
        SettingsException error = Assert.Throws<SettingsException>(() => Access.Of(folder.File("token")));
        Assert.Contains(words, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_is_not_there_is_told()
    {
        SettingsException error = Assert.Throws<SettingsException>(() => Access.Of(folder.File("none")));
        Assert.Contains("none", error.Message, StringComparison.Ordinal);
    }
}
