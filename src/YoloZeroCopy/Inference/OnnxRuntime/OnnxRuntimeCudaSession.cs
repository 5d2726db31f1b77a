using YoloZeroCopy.Interop;

namespace YoloZeroCopy;

/// <summary>Opens ONNX Runtime sessions on a CUDA device.</summary>
internal static unsafe class OnnxRuntimeCudaSession
{
    /// <summary>Opens a session for one batch size and one stream.</summary>
    /// <param name="model">The model.</param>
    /// <param name="options">How to open it.</param>
    /// <param name="batch">Batch to fix: with every dimension known, the runtime folds the model's shape arithmetic and can capture the rest.</param>
    /// <param name="stream">The stream that all runs use.</param>
    /// <param name="useGraph">Whether runs are to be captured: the runtime then refuses a model whose parts would run on the CPU.</param>
    /// <param name="operators">Kernels of ours that the session takes before its own; null for none.</param>
    /// <exception cref="InsufficientMemoryException">The device's memory does not suffice.</exception>
    /// <exception cref="ModelException">The runtime cannot run the model, or not as a graph; the message has its own words.</exception>
    /// <exception cref="NativeLibraryException">The runtime has no CUDA provider, or a library that it needs is missing.</exception>
    public static OrtHandle Open(
        OnnxRuntimeModel model, OnnxRuntimeCudaOptions options, int batch, nint stream, bool useGraph, OnnxRuntimeOperators? operators)
    {
        const int Threads = 1;
        OnnxRuntimeLibrary library = model.Library;
        string path = model.Info.Path;
        using OrtHandle sessionOptions = OnnxRuntimeSession.CreateOptions(library, path, OrtGraphOptimizationLevel.EnableAll, Threads);
        OnnxRuntimeSession.Override(library, path, sessionOptions, model.Input.Overrides(batch));

        AppendProvider(library, sessionOptions, options, stream, useGraph);
        if (operators is not null)
        {
            OnnxRuntimeSession.Check(library, path, operators.AddTo(sessionOptions));
        }

        try
        {
            return OnnxRuntimeSession.Open(library, model.Source, sessionOptions);
        }
        catch (ModelException error) when (error.RuntimeFailure == OnnxRuntimeFailure.OutOfMemory)
        {
            throw OnnxRuntimeCudaErrors.OutOfMemory(model, options, batch, error);
        }
    }

    private static void AppendProvider(
        OnnxRuntimeLibrary library, OrtHandle sessionOptions, OnnxRuntimeCudaOptions options, nint stream, bool useGraph)
    {
        OrtApi* api = library.Api;
        nint value;
        Check(library, options, api->CreateCudaProviderOptions(&value));
        using OrtHandle provider = new(value, api->ReleaseCudaProviderOptions);
        Configure(library, provider, options, useGraph);

        // After the texts, which put every pointer back to its default.
        fixed (byte* key = "user_compute_stream"u8)
        {
            Check(library, options, api->UpdateCudaProviderOptionsWithValue(provider.Value, key, stream));
        }

        Check(library, options, api->AppendCudaProvider(sessionOptions.Value, provider.Value));
    }

    private static void Configure(OnnxRuntimeLibrary library, OrtHandle provider, OnnxRuntimeCudaOptions options, bool useGraph)
    {
        (string Key, string Value)[] settings =
        [
            ("device_id", $"{options.DeviceOrdinal}"),

            // Copies of the runtime's own go in order on our stream.
            ("do_copy_in_default_stream", "1"),

            // Channels last is what cuDNN's half-precision convolutions want; otherwise some found no plan at all on an H200.
            ("prefer_nhwc", "1"),
            ("enable_cuda_graph", useGraph ? "1" : "0"),

            // What cuDNN guesses to be best; with the bias fused, it ran within 2 % of a search's choice on an H200.
            ("cudnn_conv_algo_search", "HEURISTIC"),

            // A convolution adds its bias in the same kernel. Measured on an H200 with a YOLOv8n of batch 8: 1.63 ms a run instead of 2.08 in half,
            // 2.07 instead of 2.57 in single precision. In half precision cuDNN compiles those kernels when a context is created, 2 to 5 s instead of
            // 0.2.
            ("fuse_conv_bias", "1"),

            // The arena grows by what is asked and not to the next power of two, so that what a context takes can be planned.
            ("arena_extend_strategy", "kSameAsRequested"),
        ];
        byte[][] texts = [.. settings.SelectMany(static setting => (byte[][])[Utf8.Terminated(setting.Key), Utf8.Terminated(setting.Value)])];
        byte** keys = stackalloc byte*[settings.Length];
        byte** values = stackalloc byte*[settings.Length];

        // The library copies the texts before it returns.
        fixed (byte* pinned = texts.SelectMany(static text => text).ToArray())
        {
            byte* next = pinned;
            for (int i = 0; i < settings.Length; i++)
            {
                keys[i] = next;
                next += texts[2 * i].Length;
                values[i] = next;
                next += texts[(2 * i) + 1].Length;
            }

            Check(library, options, library.Api->UpdateCudaProviderOptions(provider.Value, keys, values, (nuint)settings.Length));
        }
    }

    private static void Check(OnnxRuntimeLibrary library, OnnxRuntimeCudaOptions options, OrtStatus status)
    {
        if (status.IsFailed)
        {
            (_, string message) = status.Take(library.Api);
            throw OnnxRuntimeCudaErrors.NoProvider(library, options, message);
        }
    }
}
