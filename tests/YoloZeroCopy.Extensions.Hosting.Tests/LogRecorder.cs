using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace YoloZeroCopy.Tests;

/// <summary>Keeps what is logged, and lets a test wait for it.</summary>
internal sealed class LogRecorder : ILoggerProvider, ILogger
{
    private readonly ConcurrentQueue<LogEntry> entries = new();

    /// <summary>Those of the package.</summary>
    public LogEntry[] Entries => [.. entries];

    public bool Throws { get; init; }

    public ILogger CreateLogger(string categoryName) => categoryName.StartsWith("YoloZeroCopy.", StringComparison.Ordinal) ? this
        : Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        entries.Enqueue(new LogEntry(logLevel, formatter(state, exception), exception, eventId));
        if (Throws)
        {
            throw new IOException("the disk is full");
        }
    }

    public async Task<LogEntry> WaitFor(LogLevel level)
    {
        using CancellationTokenSource limit = new(TimeSpan.FromMinutes(1));
        while (true)
        {
            if (entries.FirstOrDefault(entry => entry.Level == level) is LogEntry found)
            {
                return found;
            }

            await Task.Delay(10, limit.Token);
        }
    }

    public void Dispose()
    {
    }
}

internal sealed record LogEntry(LogLevel Level, string Text, Exception? Error, EventId Id);
