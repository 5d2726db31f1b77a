using System.Threading.Tasks.Sources;
using BenchmarkDotNet.Attributes;

namespace YoloZeroCopy.Benchmarks;

/// <summary>From setting a result until the one who awaits it has gone on, beside what the framework has for it.</summary>
/// <remarks>Two loops each await the other, so that one result is on its way at a time and nobody awaits what is there already.</remarks>
[MemoryDiagnoser]
public class CompletionBenchmarks
{
    private const int Rounds = 1_000;

    private readonly Way[] tasks = [new NewTask(), new NewTask()];
    private readonly Way[] framework = [new Framework(), new Framework()];
    private readonly Way[] ours = [new Ours(isInline: false), new Ours(isInline: false)];
    private readonly Ours inline = new(isInline: true);

    [Benchmark(Baseline = true, OperationsPerInvoke = 2 * Rounds)]
    public Task A_new_task_each() => ToAndFroAsync(tasks);

    [Benchmark(OperationsPerInvoke = 2 * Rounds)]
    public Task The_source_of_the_framework() => ToAndFroAsync(framework);

    [Benchmark(OperationsPerInvoke = 2 * Rounds)]
    public Task Ours_on_a_thread_of_the_pool() => ToAndFroAsync(ours);

    [Benchmark(OperationsPerInvoke = Rounds)]
    public Task Ours_on_the_thread_that_brings_it()
    {
        Task awaiting = AwaitAsync(inline);
        for (int round = 0; round < Rounds; round++)
        {
            inline.Set();
        }

        return awaiting;
    }

    private static async Task AwaitAsync(Way way)
    {
        for (int round = 0; round < Rounds; round++)
        {
            way.Begin();
            _ = await way.Task.ConfigureAwait(false);
        }
    }

    private static Task ToAndFroAsync(Way[] ways)
    {
        // The one who answers listens before the first is asked.
        Task answering = AnswerAsync(ways[1], ways[0]);
        return Task.WhenAll(answering, AskAsync(ways[0], ways[1]));
    }

    private static async Task AskAsync(Way mine, Way other)
    {
        for (int round = 0; round < Rounds; round++)
        {
            mine.Begin();
            ValueTask<int> answer = mine.Task;
            other.Set();
            _ = await answer.ConfigureAwait(false);
        }
    }

    private static async Task AnswerAsync(Way mine, Way other)
    {
        mine.Begin();
        for (int round = 0; round < Rounds; round++)
        {
            _ = await mine.Task.ConfigureAwait(false);
            mine.Begin();
            other.Set();
        }
    }

    private abstract class Way
    {
        public abstract ValueTask<int> Task { get; }

        public abstract void Begin();

        public abstract void Set();
    }

    private sealed class NewTask : Way
    {
        private TaskCompletionSource<int> source = new();

        public override ValueTask<int> Task => new(source.Task);

        public override void Begin() => source = new TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously);

        public override void Set() => source.SetResult(1);
    }

    private sealed class Framework : Way, IValueTaskSource<int>
    {
        private ManualResetValueTaskSourceCore<int> core = new() { RunContinuationsAsynchronously = true };

        public override ValueTask<int> Task => new(this, core.Version);

        public override void Begin() => core.Reset();

        public override void Set() => core.SetResult(1);

        public int GetResult(short token) => core.GetResult(token);

        public ValueTaskSourceStatus GetStatus(short token) => core.GetStatus(token);

        public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
            core.OnCompleted(continuation, state, token, flags);
    }

    private sealed class Ours(bool isInline) : Way
    {
        private readonly Source source = new(isInline);

        public override ValueTask<int> Task => new(source, source.Version);

        public override void Begin() => source.Begin();

        public override void Set() => source.Set();

        private sealed class Source(bool isInline) : PooledValueTaskSource<int>
        {
            public void Begin() => Reset();

            public void Set() => SetResult(1, isInline);

            protected override void OnTaken(bool succeeded)
            {
            }
        }
    }
}
