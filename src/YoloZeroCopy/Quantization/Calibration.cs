using System.Collections.Immutable;
using System.Runtime.InteropServices;
using YoloZeroCopy.Interop;
using YoloZeroCopy.Onnx;

namespace YoloZeroCopy;

/// <summary>Runs a model picture by picture and counts what its tensors have. Dispose it.</summary>
internal sealed unsafe class Calibration : IDisposable
{
    // What tensors take that are looked at after one run; a model with more is run more often for each picture.
    private const long MostBytes = 512L << 20;

    private readonly OrtHandle session;
    private readonly CpuPreprocessor preprocessor;
    private readonly byte* input;
    private readonly int batch;
    private readonly List<(OnnxRuntimeBinding Binding, string[] Tensors)> runs = [];
    private readonly Dictionary<string, ActivationHistogram> histograms = [];
    private readonly string path;

    /// <summary>Opens a model in single precision.</summary>
    /// <param name="opened">What is known of it.</param>
    /// <param name="model">Its file.</param>
    /// <param name="tensors">The tensors that are looked at.</param>
    /// <param name="threads">Threads that compute.</param>
    /// <exception cref="ModelException">The runtime does not take it.</exception>
    public Calibration(OnnxRuntimeModel opened, OnnxModel model, IEnumerable<string> tensors, int threads)
    {
        path = model.Path;
        ModelInfo info = opened.Info;
        batch = Math.Max(1, info.FixedBatch);
        preprocessor = new CpuPreprocessor(info.InputWidth, info.InputHeight, info.InputType);
        using (ModelBytes observed = model.Outputs([.. tensors.Select(Declare)]))
        {
            session = OnnxRuntimeSession.OpenToRun(opened.Library, ModelSource.InMemory(observed.Memory, path), opened.Input, threads);
        }

        try
        {
            input = (byte*)NativeMemory.AllocZeroed((nuint)batch, (nuint)info.InputBytes);
            Bind(opened);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>What was found, by tensor.</summary>
    public IReadOnlyDictionary<string, ActivationHistogram> Histograms => histograms;

    /// <summary>Runs a picture.</summary>
    /// <exception cref="ModelException">A tensor of the model has a number that is not finite.</exception>
    /// <exception cref="InferenceException">The run failed.</exception>
    public void Add(ReadOnlySpan<byte> pixels, in FrameFormat format)
    {
        Span<byte> tensor = new(input, preprocessor.TensorBytes);
        preprocessor.Run(pixels, format, tensor);
        for (int place = 1; place < batch; place++)
        {
            // The same picture all over a fixed batch changes no range.
            tensor.CopyTo(new Span<byte>(input + ((nint)place * tensor.Length), tensor.Length));
        }

        foreach ((OnnxRuntimeBinding binding, string[] tensors) in runs)
        {
            binding.Run();
            binding.ReadOutputs((index, address, count) =>
            {
                if (!histograms[tensors[index]].TryAdd(new ReadOnlySpan<float>((void*)address, checked((int)count))))
                {
                    throw new ModelException(path, $"tensor '{tensors[index]}' has a number that is not finite.");
                }
            });
        }
    }

    public void Dispose()
    {
        foreach ((OnnxRuntimeBinding binding, _) in runs)
        {
            binding.Dispose();
        }

        runs.Clear();
        session.Dispose();
        NativeMemory.Free(input);
    }

    private static ValueInfoProto Declare(string name) =>
        new() { Name = name, Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = (int)OrtElementType.Float } } };

    private void Bind(OnnxRuntimeModel opened)
    {
        ModelInfo info = opened.Info;
        ImmutableArray<OnnxTensor> outputs = new OrtSessionReader(opened.Library.Api, session.Value).Outputs();
        List<string> together = [];
        long bytes = 0;
        foreach (OnnxTensor output in outputs)
        {
            // The batch may be free.
            long size = sizeof(float) * batch * output.Shape.Skip(1).Aggregate(1L, static (product, dimension) => product * Math.Max(1, dimension));
            if (together.Count > 0 && bytes + size > MostBytes)
            {
                BindTogether();
            }

            histograms[output.Name] = new ActivationHistogram();
            together.Add(output.Name);
            bytes += size;
        }

        BindTogether();

        void BindTogether()
        {
            OnnxRuntimeBinding binding = OnnxRuntimeBinding.OnCpu(opened.Library, session);
            runs.Add((binding, [.. together]));
            binding.BindInput(opened.Input.Tensor.Name, info.InputType, [batch, 3, info.InputHeight, info.InputWidth], (nint)input);
            foreach (string name in together)
            {
                binding.BindOutput(name);
            }

            together.Clear();
            bytes = 0;
        }
    }
}
