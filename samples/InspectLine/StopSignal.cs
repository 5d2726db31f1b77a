using System.Runtime.InteropServices;

namespace InspectLine;

/// <summary>Turns Ctrl-C and SIGTERM into a wish to stop, so that files are finished before the program ends. A second Ctrl-C ends it at
/// once.</summary>
internal sealed class StopSignal : IDisposable
{
    private readonly CancellationTokenSource source = new();
    private readonly PosixSignalRegistration interrupt;
    private readonly PosixSignalRegistration terminate;

    public StopSignal()
    {
        interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
    }

    public CancellationToken Token => source.Token;

    /// <summary>Exit code by custom: 128 and the signal's number; 0 as long as there was none.</summary>
    public int ExitCode { get; private set; }

    public void Dispose()
    {
        interrupt.Dispose();
        terminate.Dispose();
        source.Dispose();
    }

    private void Stop(PosixSignalContext context)
    {
        if (ExitCode == 0)
        {
            context.Cancel = true;
            ExitCode = context.Signal == PosixSignal.SIGINT ? 130 : 143;
            source.Cancel();
        }
    }
}
