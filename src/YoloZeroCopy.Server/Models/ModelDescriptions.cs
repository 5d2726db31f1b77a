using YoloZeroCopy.Server.Protocol;

namespace YoloZeroCopy.Server;

/// <summary>What the protocol says of models: the same tensors for all, as a detector's pictures and detections are.</summary>
internal static class ModelDescriptions
{
    /// <summary>The one version that a model has.</summary>
    public const string Version = "1";

    public const string Picture = "picture";
    public const string Image = "image";
    public const string Boxes = "boxes";
    public const string Scores = "scores";
    public const string Classes = "classes";
    public const string Counts = "counts";
    public const string Text = "detections";


    public static ServerMetadataResponse OfServer(DetectionServerOptions options)
    {
        ServerMetadataResponse response = new()
        {
            Name = "YoloZeroCopy",
            Version = typeof(ModelDescriptions).Assembly.GetName().Version?.ToString(3) ?? "",
            Extensions = { "binary_tensor_data", "statistics" },
        };
        if (options.ModelControl)
        {
            response.Extensions.Add("model_repository");
        }

        if (options.SharedMemory)
        {
            response.Extensions.Add(["system_shared_memory", "cuda_shared_memory"]);
        }

        return response;
    }

    public static ModelMetadataResponse Of(ServedModel model, DetectionServerOptions options) => new()
    {
        Name = model.Name,
        Versions = { Version },
        Platform = System.IO.Path.GetExtension(model.Path).Equals(".onnx", StringComparison.OrdinalIgnoreCase) ? "onnxruntime_onnx" : "tensorrt_plan",
        Inputs = { Tensor(Picture, "BYTES", -1), Tensor(Image, "UINT8", -1, -1, -1, 3) },
        Outputs =
        {
            Tensor(Boxes, "FP32", -1, options.Detector.MaxDetections, 4),
            Tensor(Scores, "FP32", -1, options.Detector.MaxDetections),
            Tensor(Classes, "INT32", -1, options.Detector.MaxDetections),
            Tensor(Counts, "INT32", -1),
            Tensor(Text, "BYTES", -1),
        },
    };

    public static RepositoryIndexResponse Index(IEnumerable<ServedModel> models, bool onlyReady)
    {
        RepositoryIndexResponse response = new();
        foreach (ServedModel model in models)
        {
            model.CheckFault();
            if (!onlyReady || model.State == ModelState.Ready)
            {
                response.Models.Add(new RepositoryIndexResponse.Types.ModelIndex
                {
                    Name = model.Name,
                    Version = Version,
                    State = model.State switch
                    {
                        ModelState.Loading => "LOADING",
                        ModelState.Ready => "READY",
                        ModelState.Unloading => "UNLOADING",
                        _ => "UNAVAILABLE",
                    },
                    Reason = model.Reason,
                });
            }
        }

        return response;
    }

    public static ModelStatisticsResponse Statistics(IEnumerable<ServedModel> models)
    {
        ModelStatisticsResponse response = new();
        response.ModelStats.AddRange(models.Select(Statistics));
        return response;
    }

    private static ModelStatistics Statistics(ServedModel model)
    {
        ModelCounts.Snapshot counts = model.Counts.Now;
        DetectorStatistics? detector = model.Detector?.Statistics;
        ModelStatistics statistics = new()
        {
            Name = model.Name,
            Version = Version,
            LastInference = counts.LastInference == default ? 0 : (ulong)counts.LastInference.ToUnixTimeMilliseconds(),
            InferenceCount = (ulong)counts.Pictures,
            ExecutionCount = (ulong)(detector?.Batches ?? 0),
            InferenceStats = new InferStatistics
            {
                Success = Duration(counts.Succeeded, counts.SuccessTime),
                Fail = Duration(counts.Failed, counts.FailTime),
                Queue = Duration(counts.Pictures, counts.QueueTime),
                ComputeInput = Duration(counts.Pictures, counts.InputTime),
                ComputeInfer = Duration(counts.Pictures, counts.ComputeTime),
                ComputeOutput = Duration(counts.Pictures, TimeSpan.Zero),
            },
        };
        for (int size = 1; size < (detector?.BatchSizes.Length ?? 0); size++)
        {
            if (detector!.BatchSizes[size] > 0)
            {
                statistics.BatchStats.Add(new InferBatchStatistics
                {
                    BatchSize = (ulong)size,
                    ComputeInfer = new StatisticDuration { Count = (ulong)detector.BatchSizes[size] },
                });
            }
        }

        return statistics;
    }

    private static StatisticDuration Duration(long count, TimeSpan time) => new() { Count = (ulong)count, Ns = (ulong)(time.Ticks * 100) };

    private static ModelMetadataResponse.Types.TensorMetadata Tensor(string name, string datatype, params long[] shape) =>
        new() { Name = name, Datatype = datatype, Shape = { shape } };
}
