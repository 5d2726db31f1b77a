namespace YoloZeroCopy.Cli.Tests;

/// <summary><c>yzc completion</c> in a real bash.</summary>
public sealed class CompletionTests
{
    [Theory]
    [InlineData("yzc de", "detect")]
    [InlineData("yzc detect --mo", "--model")]
    [InlineData("yzc detect --device ", "auto cpu cuda")]
    [InlineData("yzc build --model x.onnx --hardware Same", "SameComputeCapability")]
    [InlineData("yzc detect --model ", "")]
    [InlineData("yzc completion ", "--help bash pwsh zsh")]
    public void Bash_completes_what_was_typed(string line, string wanted)
    {
        Assert.SkipUnless(File.Exists("/bin/bash"), "There is no bash.");

        // What bash does for a line when the tab key is pressed.
        string ask =
            $"eval \"$(yzc completion bash)\"; COMP_LINE='{line}' COMP_POINT={line.Length}; _yzc; echo \"${{COMPREPLY[@]}}\"; complete -p yzc";
        YzcResult result = YzcProcess.RunShell(ask).Succeeded();
        Assert.Equal([.. wanted.Length == 0 ? (string[])[] : [wanted], "complete -o bashdefault -o default -F _yzc yzc"], result.Lines);
    }

    [Fact]
    public void Bash_completes_a_command_without_the_short_names_of_help()
    {
        Assert.SkipUnless(File.Exists("/bin/bash"), "There is no bash.");
        const string Ask = "eval \"$(yzc completion bash)\"; COMP_LINE='yzc ' COMP_POINT=4; _yzc; echo \"${COMPREPLY[@]}\"";
        Assert.Equal("--help --version bench build completion detect doctor info optimize plan quantize selftest serve\n",
            YzcProcess.RunShell(Ask).Succeeded().Output);
    }

    [Theory]
    [InlineData("zsh", "compdef _yzc yzc")]
    [InlineData("pwsh", "Register-ArgumentCompleter -Native -CommandName yzc")]
    public void Other_shells_have_scripts_of_their_own(string shell, string wanted) =>
        Assert.Contains(wanted, YzcProcess.Run("completion", shell).Succeeded().Output, StringComparison.Ordinal);

    [Fact]
    public void A_shell_that_is_not_known_is_refused_with_those_that_are() =>
        YzcProcess.Run("completion", "tcsh").Failed(ExitCode.WrongArguments, "tcsh", "bash", "zsh", "pwsh");
}
