using System.CommandLine;

namespace YoloZeroCopy.Cli;

/// <summary><c>yzc completion</c>: prints what makes a shell complete the tool's commands, options and values.</summary>
/// <remarks>The scripts ask the tool itself, through the <c>[suggest]</c> directive that System.CommandLine brings, so that they fit every version of
/// it. Where it suggests nothing, as after <c>--model</c>, the shell completes files. The short names of help are left out.</remarks>
internal static class CompletionCommand
{
    private const string Bash =
        """
        # In ~/.bashrc: eval "$(yzc completion bash)"
        _yzc() {
            COMPREPLY=()
            local found
            while IFS= read -r found; do
                case $found in
                    '' | '-?' | '/?' | -h | /h) ;;
                    *) COMPREPLY+=("$found") ;;
                esac
            done < <(yzc "[suggest:$COMP_POINT]" "$COMP_LINE" 2> /dev/null)
        }
        complete -o bashdefault -o default -F _yzc yzc

        """;

    private const string Zsh =
        """
        # In ~/.zshrc, after compinit: eval "$(yzc completion zsh)"
        _yzc() {
            local -a found
            found=("${(@f)$(yzc "[suggest:$CURSOR]" "$BUFFER" 2> /dev/null)}")
            found=(${found:#([/-][h?])})
            if (( ${#found} )); then
                compadd -- $found
            else
                _files
            fi
        }
        compdef _yzc yzc

        """;

    private const string PowerShell =
        """
        # In $PROFILE: yzc completion pwsh | Out-String | Invoke-Expression
        Register-ArgumentCompleter -Native -CommandName yzc -ScriptBlock {
            param($word, $line, $cursor)
            yzc "[suggest:$cursor]" "$line" 2> $null | Where-Object { $_ -and $_ -notmatch '^[/-][h?]$' } | ForEach-Object {
                [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
            }
        }

        """;

    private static readonly Dictionary<string, string> Scripts =
        new(StringComparer.Ordinal) { ["bash"] = Bash, ["zsh"] = Zsh, ["pwsh"] = PowerShell };

    public static Command Create()
    {
        Argument<string> shell = new("SHELL") { Description = "bash, zsh or pwsh." };
        shell.AcceptOnlyFromAmong([.. Scripts.Keys]);
        Command command =
            new("completion", "Prints what makes a shell complete this tool's command line; its first line says where it goes.") { shell };
        command.SetAction(arguments => StandardOutput.Write(Scripts[arguments.GetRequiredValue(shell)]));
        return command;
    }
}
