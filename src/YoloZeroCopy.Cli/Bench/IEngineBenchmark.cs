namespace YoloZeroCopy.Cli;

/// <summary>The engine alone: the pipeline's measure.</summary>
internal interface IEngineBenchmark : IDisposable
{
    /// <summary>Runs all lanes for a time and counts the pictures of the runs that were completed.</summary>
    EngineSlice Run(TimeSpan duration, CancellationToken stop);
}
