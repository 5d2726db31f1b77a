using System.Runtime.InteropServices;

namespace YoloZeroCopy.Cli;

/// <summary>Ctrl-C and SIGTERM as a token. The first signal asks for an orderly end; a second one ends the process at once.</summary>
internal sealed class Interruption : IDisposable
{
    private readonly CancellationTokenSource source = new();
    private readonly PosixSignalRegistration interrupt;
    private readonly PosixSignalRegistration terminate;
    private int exitCode;

    public Interruption()
    {
        interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context => OnSignal(context, Cli.ExitCode.Interrupted));
        terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => OnSignal(context, Cli.ExitCode.Terminated));
    }

    public CancellationToken Token => source.Token;

    /// <summary>What the process exits with because of the signal; 0 when there was none.</summary>
    public int ExitCode => Volatile.Read(ref exitCode);

    public void Dispose()
    {
        interrupt.Dispose();
        terminate.Dispose();
        source.Dispose();
    }

    private void OnSignal(PosixSignalContext context, int code)
    {
        if (Interlocked.CompareExchange(ref exitCode, code, 0) == 0)
        {
            context.Cancel = true;
            try
            {
                source.Cancel();
            }
            catch (ObjectDisposedException)
            {
                // The tool is at its end already.
            }
        }
        else
        {
            // The process ends now.
            StandardError.Restore();
        }
    }
}
