using System.Collections.Immutable;
using System.Runtime.InteropServices;
using Google.Protobuf;
using YoloZeroCopy.Interop;
using YoloZeroCopy.Onnx;

namespace YoloZeroCopy;

/// <summary>Cuts a model before its head's last arithmetic, where decoding the maps gives what that arithmetic gives.</summary>
/// <remarks>
/// No pattern of operators is trusted: exports differ from version to version. The part that would be left out is run once on maps of random numbers,
/// and what comes out is compared with what the library makes of the same maps, anchor by anchor.
/// </remarks>
internal static unsafe class OnnxRuntimeHead
{
    /// <summary>Cuts a model.</summary>
    /// <param name="model">The model, opened whole.</param>
    /// <param name="reason">Why it stays whole, where this is null.</param>
    /// <returns>The model with the maps that its network gives; the caller disposes it.</returns>
    public static CutModel? TryCut(OnnxRuntimeModel model, out string? reason)
    {
        OnnxModel? file = TryRead(model.Source, out reason);
        try
        {
            if (file is null
                || !OnnxGraph.TryCreate(file.Proto, out OnnxGraph? graph, out reason)
                || TryCut(model, file, graph, network => OnnxRuntimeSession.OpenForShapes(model.Library, network, model.Input), out reason)
                    is not (OrtHandle session, DetectionHead head))
            {
                return null;
            }

            session.Dispose();
            CutModel cut = new(file, graph, head);
            file = null;
            return cut;
        }
        finally
        {
            file?.Dispose();
        }
    }

    /// <summary>Cuts a model and opens what is left of it to run.</summary>
    /// <param name="models">The model, opened whole, at each input size.</param>
    /// <param name="threads">Threads to run with.</param>
    /// <param name="reason">Why it stays whole, where this is null.</param>
    /// <returns>A session of the network without its tail for all sizes, and the maps it gives at each.</returns>
    public static (OrtHandle Session, DetectionHead[] Heads)? TryOpen(IReadOnlyList<OnnxRuntimeModel> models, int threads, out string? reason)
    {
        OnnxRuntimeModel largest = models[^1];
        using OnnxModel? file = TryRead(largest.Source, out reason);
        if (file is null || !OnnxGraph.TryCreate(file.Proto, out OnnxGraph? graph, out reason))
        {
            return null;
        }

        if (models.Count == 1)
        {
            return TryCut(largest, file, graph, network => OpenToRun(network, fixesSize: true), out reason) is (OrtHandle only, DetectionHead head)
                ? (only, [head]) : null;
        }

        List<DetectionHead> heads = [];
        foreach (OnnxRuntimeModel model in models)
        {
            // Only with its size fixed does a network tell the sizes of its maps.
            if (TryCut(model, file, graph, network => OnnxRuntimeSession.OpenForShapes(model.Library, network, model.Input), out reason)
                is not (OrtHandle shapes, DetectionHead head))
            {
                reason = $"at {model.Input.Width}x{model.Input.Height}: {reason}";
                return null;
            }

            shapes.Dispose();
            heads.Add(head);
        }

        using ModelBytes bytes = HeadCut.TryCut(graph, largest.OutputName, out reason)!.Network(file);
        return (OpenToRun(ModelSource.InMemory(bytes.Memory, largest.Source.Path), fixesSize: false), [.. heads]);

        OrtHandle OpenToRun(ModelSource network, bool fixesSize) =>
            OnnxRuntimeSession.OpenToRun(largest.Library, network, largest.Input, threads, fixesSize);
    }

    private static (OrtHandle Session, DetectionHead Head)? TryCut(
        OnnxRuntimeModel model, OnnxModel file, OnnxGraph graph, Func<ModelSource, OrtHandle> open, out string? reason)
    {
        if (HeadCut.TryCut(graph, model.OutputName, out reason) is not HeadCut cut)
        {
            return null;
        }

        // A session keeps nothing of the bytes that it is opened from.
        using ModelBytes network = cut.Network(file);
        OrtHandle? session = null;
        try
        {
            session = open(ModelSource.InMemory(network.Memory, model.Source.Path));
            if (Resolve(model, session, out reason) is DetectionHead resolved
                && Check(model, cut.Tail(file), resolved, out reason) is DetectionHead head)
            {
                OrtHandle opened = session;
                session = null;
                return (opened, head);
            }
        }
        catch (YoloZeroCopyException error) when (error is ModelException or InferenceException)
        {
            reason = $"the runtime does not take it in two parts: {error.Message}";
        }
        catch (OverflowException)
        {
            reason = "its maps are too large";
        }
        finally
        {
            session?.Dispose();
        }

        return null;
    }

    private static OnnxModel? TryRead(ModelSource source, out string? reason)
    {
        try
        {
            // Bytes in memory have no folder where the runtime could find the files of their weights.
            reason = null;
            return OnnxModel.ReadWhole(source);
        }
        catch (ModelException error)
        {
            reason = $"it cannot be read without the runtime: {error.Message}";
            return null;
        }
    }

    private static DetectionHead? Resolve(OnnxRuntimeModel model, OrtHandle session, out string? reason)
    {
        ImmutableArray<OnnxTensor> outputs = new OrtSessionReader(model.Library.Api, session.Value).Outputs();
        List<HeadMap> maps = [];
        foreach (OnnxTensor output in outputs)
        {
            if (output.Shape is not [_, > 0 and <= int.MaxValue and long channels, > 0 and <= ushort.MaxValue and long height,
                > 0 and <= ushort.MaxValue and long width])
            {
                reason = $"the shape of map {output} is not known";
                return null;
            }

            maps.Add(new HeadMap(output.Name, (int)channels, (int)width, (int)height));
        }

        if (outputs[0].ElementType is not (TensorElementType.Float32 or TensorElementType.Float16)
            || outputs.Any(output => output.ElementType != outputs[0].ElementType))
        {
            reason = $"its maps are of type {string.Join(", ", outputs.Select(static output => output.TypeName).Distinct())}";
            return null;
        }

        TensorElementType type = outputs[0].ElementType!.Value;
        (int, int) input = (model.Info.InputWidth, model.Info.InputHeight);
        return model.Info.Layout switch
        {
            OutputLayout.AnchorsFirst => DetectionHead.TryResolveAnchorBoxes(maps, type, input, model.Info.ClassCount, out reason),
            OutputLayout.EndToEnd => DetectionHead.TryResolveBest(maps, type, input, model.Info.ClassCount, model.Info.OutputShape.Rows, out reason),
            _ => DetectionHead.TryResolve(maps, type, input, model.Info.ClassCount, out reason),
        };
    }

    /// <summary>Runs the tail on random maps. Gives the head with all that is to be known of it, or null and what is wrong.</summary>
    private static DetectionHead? Check(OnnxRuntimeModel model, ModelProto tail, DetectionHead head, out string? reason)
    {
        OnnxRuntimeLibrary library = model.Library;
        string path = model.Source.Path;
        using OrtHandle options = OnnxRuntimeSession.CreateOptions(library, path, OrtGraphOptimizationLevel.EnableBasic, threads: 1);
        using OrtHandle session = OnnxRuntimeSession.Open(library, ModelSource.InMemory(tail.ToByteArray(), path), options);
        OnnxTensor declared = new OrtSessionReader(library.Api, session.Value).Outputs()[0];
        TensorElementType type = declared.ElementType ?? head.ElementType;

        // A model with a batch of its own has it in its tail, too.
        int batch = Math.Max(1, model.Info.FixedBatch);
        (int rows, int columns) = model.Info.OutputShape;
        int mapBytes = checked(batch * head.PictureBytes);
        int outputBytes = checked(batch * rows * columns * type.ElementBytes());
        byte* maps = (byte*)NativeMemory.Alloc((nuint)mapBytes);
        byte* output = (byte*)NativeMemory.Alloc((nuint)outputBytes);
        try
        {
            HeadCheck.Fill(new Span<byte>(maps, mapBytes), head, batch);
            using OnnxRuntimeBinding binding = OnnxRuntimeBinding.OnCpu(library, session);
            byte* at = maps;
            foreach (HeadMap map in head.Maps)
            {
                binding.BindInput(map.Name, head.ElementType, [batch, map.Channels, map.Height, map.Width], (nint)at);
                at += (long)batch * head.MapBytes(map);
            }

            binding.BindOutput(declared.Name, type, [batch, rows, columns], (nint)output);
            binding.Run();
            ReadOnlySpan<byte> given = new(output, outputBytes);
            return HeadCheck.Complete(head, new ReadOnlySpan<byte>(maps, mapBytes), given, type, batch, out reason);
        }
        finally
        {
            NativeMemory.Free(maps);
            NativeMemory.Free(output);
        }
    }
}

/// <summary>A model and where its network ends. It owns the model.</summary>
internal sealed record CutModel(OnnxModel File, OnnxGraph Graph, DetectionHead Head) : IDisposable
{
    public void Dispose() => File.Dispose();
}
