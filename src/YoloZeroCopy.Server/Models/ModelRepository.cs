using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace YoloZeroCopy.Server;

/// <summary>The models of the folder. Any thread.</summary>
internal sealed class ModelRepository : IAsyncDisposable
{
    private static readonly string[] Endings = [".onnx", ".engine", ".plan"];

    private readonly DetectionServerOptions options;
    private readonly ILogger logger;
    private readonly ConcurrentDictionary<string, ServedModel> models = new(StringComparer.Ordinal);
    private readonly TaskCompletionSource<Exception> lost = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile bool isOpened;
    private volatile bool isDraining;

    public ModelRepository(DetectionServerOptions options, ILogger logger)
    {
        this.options = options;
        this.logger = logger;
        Look();
    }

    /// <summary>By name.</summary>
    public IEnumerable<ServedModel> Models => models.Values.OrderBy(static model => model.Name, StringComparer.Ordinal);

    /// <summary>Ends with the error that no detector of this process can go on after.</summary>
    public Task<Exception> Lost => lost.Task;

    /// <summary>False where only a new process can go on.</summary>
    public bool IsLive => !lost.Task.IsCompleted;

    public bool IsDraining => isDraining;

    /// <summary>Whether requests should come here: the models were opened, all that are wanted are, and the server does not end.</summary>
    public bool IsReady
    {
        get
        {
            bool isReady = isOpened && !isDraining && IsLive;
            foreach (ServedModel model in models.Values)
            {
                model.CheckFault();
                isReady &= !model.IsWanted || model.IsReady;
            }

            return isReady;
        }
    }

    /// <summary>Opens every model of the folder, one after the other: they share the device's memory and the engine's cache.</summary>
    public async Task OpenAsync(CancellationToken cancellationToken)
    {
        foreach (ServedModel model in Models)
        {
            try
            {
                await model.LoadAsync(cancellationToken).ConfigureAwait(false);
            }
            catch (RequestException)
            {
                // It is logged, it shows in the index, and the server is not ready: the others are served.
            }
        }

        isOpened = true;
    }

    public void Drain() => isDraining = true;

    /// <summary>Finds a model by what a request calls it.</summary>
    /// <exception cref="RequestException">There is none.</exception>
    public ServedModel Find(string name, string? version)
    {
        if (!string.IsNullOrEmpty(version) && version != ModelDescriptions.Version)
        {
            throw new RequestException(
                Refusal.NotFound, $"Model '{Echo(name)}' has no version '{Echo(version)}'; its one version is {ModelDescriptions.Version}.");
        }

        return models.TryGetValue(name, out ServedModel? model) ? model : throw Unknown(name);
    }

    /// <summary>Finds a model that is to be loaded: the folder is looked at anew.</summary>
    /// <exception cref="RequestException">There is none, or clients may not.</exception>
    public ServedModel FindToControl(string name, bool isNew)
    {
        if (!options.ModelControl)
        {
            throw new RequestException(
                Refusal.Forbidden, "Clients of this server may not load and unload models; it was started without model control.");
        }

        if (isDraining)
        {
            throw RequestException.Ending();
        }

        if (isNew)
        {
            Look();
        }

        return Find(name, version: null);
    }

    public async ValueTask DisposeAsync()
    {
        Drain();
        foreach (ServedModel model in Models)
        {
            await model.DisposeAsync().ConfigureAwait(false);
        }
    }

    /// <summary>A text of a request, as messages may repeat it.</summary>
    internal static string Echo(string text) =>
        string.Concat(text.Take(64).Select(static letter => char.IsControl(letter) ? '?' : letter)) + (text.Length > 64 ? "..." : "");

    private static RequestException Unknown(string name) => new(Refusal.NotFound, $"There is no model '{Echo(name)}'.");

    // Names come from the folder, never from requests: nothing that a client says becomes a path.
    private void Look()
    {
        foreach (string path in Directory.EnumerateFiles(options.ModelFolder).Order(StringComparer.Ordinal))
        {
            string name = Path.GetFileNameWithoutExtension(path);
            if (name.Length == 0 || !Endings.Contains(Path.GetExtension(path), StringComparer.OrdinalIgnoreCase))
            {
                continue;
            }

            ServedModel model = models.GetOrAdd(name, name => new ServedModel(name, path, options, logger, error => lost.TrySetResult(error)));
            if (model.Path != path)
            {
                ServerLog.SameName(logger, path, model.Path);
            }
        }
    }
}
