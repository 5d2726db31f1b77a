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
    // What a score and an edge in pixels may differ by. A model in half precision rounds its coordinates to half a pixel from 512 on.
    private const float SingleScoreTolerance = 1e-4f;
    private const float HalfScoreTolerance = 2e-3f;
    private const float SinglePixelTolerance = 1e-2f;
    private const float HalfPixelTolerance = 1.5f;

    /// <summary>Cuts a model.</summary>
    /// <param name="model">The model, opened whole.</param>
    /// <param name="reason">Why it stays whole, where this is null.</param>
    /// <returns>The network without its tail, which the caller disposes when its sessions are open, and the maps it gives.</returns>
    public static (ModelBytes Network, DetectionHead Head)? TryCut(OnnxRuntimeModel model, out string? reason)
    {
        if (model.Info.Layout != OutputLayout.ChannelsFirst)
        {
            reason = $"its output is of layout {model.Info.Layout}";
            return null;
        }

        using OnnxModel? file = OnnxModel.TryRead(model.Source);
        if (file is null)
        {
            reason = "its file cannot be read without the runtime";
            return null;
        }

        if (file.Proto.AllTensors().Any(static tensor => tensor.ExternalData.Count > 0))
        {
            reason = "its weights lie in other files";
            return null;
        }

        if (!OnnxGraph.TryCreate(file.Proto, out OnnxGraph? graph, out reason)
            || HeadCut.TryCut(graph, model.OutputName, out reason) is not HeadCut cut)
        {
            return null;
        }

        ModelBytes network = cut.Network(file);
        DetectionHead? head = null;
        try
        {
            head = Resolve(model, ModelSource.InMemory(network.Memory, model.Source.Path), out reason);
            reason ??= Compare(model.Library, model.Source.Path, cut.Tail(file), head!);
        }
        catch (YoloZeroCopyException error) when (error is ModelException or InferenceException)
        {
            reason = $"the runtime does not take it in two parts: {error.Message}";
        }
        catch
        {
            network.Dispose();
            throw;
        }

        if (reason is null)
        {
            return (network, head!);
        }

        network.Dispose();
        return null;
    }

    private static DetectionHead? Resolve(OnnxRuntimeModel model, ModelSource network, out string? reason)
    {
        using OrtHandle session = OnnxRuntimeSession.OpenForShapes(model.Library, network, model.Input);
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

        return DetectionHead.TryResolve(
            maps, outputs[0].ElementType!.Value, (model.Info.InputWidth, model.Info.InputHeight), model.Info.ClassCount, out reason);
    }

    /// <summary>Runs the tail on random maps. Gives what is wrong, or null.</summary>
    private static string? Compare(OnnxRuntimeLibrary library, string path, ModelProto tail, DetectionHead head)
    {
        using OrtHandle options = OnnxRuntimeSession.CreateOptions(library, path, OrtGraphOptimizationLevel.EnableBasic, threads: 1);
        using OrtHandle session = OnnxRuntimeSession.Open(library, ModelSource.InMemory(tail.ToByteArray(), path), options);
        OnnxTensor declared = new OrtSessionReader(library.Api, session.Value).Outputs()[0];
        TensorElementType type = declared.ElementType ?? head.ElementType;
        int rows = 4 + head.ClassCount;
        int anchors = head.Anchors;
        byte* maps = (byte*)NativeMemory.Alloc((nuint)head.PictureBytes);
        byte* output = (byte*)NativeMemory.Alloc((nuint)rows * (nuint)anchors * (nuint)type.ElementBytes());
        try
        {
            Fill(new Span<byte>(maps, head.PictureBytes), head);
            using OnnxRuntimeBinding binding = OnnxRuntimeBinding.OnCpu(library, session);
            byte* at = maps;
            foreach (HeadMap map in head.Maps)
            {
                binding.BindInput(map.Name, head.ElementType, [1, map.Channels, map.Height, map.Width], (nint)at);
                at += (long)map.Channels * map.Width * map.Height * head.ElementType.ElementBytes();
            }

            binding.BindOutput(declared.Name, type, [1, rows, anchors], (nint)output);
            binding.Run();
            return Compare(
                head, Floats(new ReadOnlySpan<byte>(maps, head.PictureBytes), head.ElementType),
                Floats(new ReadOnlySpan<byte>(output, rows * anchors * type.ElementBytes()), type));
        }
        finally
        {
            NativeMemory.Free(maps);
            NativeMemory.Free(output);
        }
    }

    // Logits of scores from 0.0001 to 0.9999, and distributions from flat to sharp.
    private static void Fill(Span<byte> maps, DetectionHead head)
    {
        const float Spread = 18;
        Random random = new(1);
        for (int i = 0; i < maps.Length; i += head.ElementType.ElementBytes())
        {
            float value = (random.NextSingle() - 0.5f) * Spread;
            if (head.ElementType == TensorElementType.Float16)
            {
                MemoryMarshal.Write(maps[i..], (Half)value);
            }
            else
            {
                MemoryMarshal.Write(maps[i..], value);
            }
        }
    }

    private static string? Compare(DetectionHead head, float[] maps, float[] expected)
    {
        bool half = head.ElementType == TensorElementType.Float16;
        float scoreTolerance = half ? HalfScoreTolerance : SingleScoreTolerance;
        float pixelTolerance = half ? HalfPixelTolerance : SinglePixelTolerance;
        int anchors = head.Anchors;
        int anchor = 0;
        int start = 0;
        foreach (HeadLevel level in head.Levels)
        {
            ReadOnlySpan<float> sides = maps.AsSpan(start, level.Sides.Channels * level.Cells);
            ReadOnlySpan<float> logits = maps.AsSpan(start + sides.Length, head.ClassCount * level.Cells);
            start += sides.Length + logits.Length;
            for (int cell = 0; cell < level.Cells; cell++, anchor++)
            {
                (float left, float top, float right, float bottom) = HeadValues.Box(level, sides, head.Bins, cell);
                ReadOnlySpan<float> box = [(left + right) / 2, (top + bottom) / 2, right - left, bottom - top];
                for (int row = 0; row < 4; row++)
                {
                    // Written so that NaN differs.
                    float given = expected[(row * anchors) + anchor];
                    if (!(Math.Abs(given - box[row]) <= pixelTolerance))
                    {
                        return FormattableString.Invariant(
                            $"its head decodes otherwise: number {row} of the box of anchor {anchor} is {given}, here {box[row]}");
                    }
                }

                for (int classId = 0; classId < head.ClassCount; classId++)
                {
                    float score = HeadValues.Score(logits[(classId * level.Cells) + cell]);
                    float given = expected[((4 + classId) * anchors) + anchor];
                    if (!(Math.Abs(given - score) <= scoreTolerance))
                    {
                        return FormattableString.Invariant(
                            $"its head decodes otherwise: the score of class {classId} of anchor {anchor} is {given}, here {score}");
                    }
                }
            }
        }

        return null;
    }

    private static float[] Floats(ReadOnlySpan<byte> values, TensorElementType type)
    {
        if (type == TensorElementType.Float32)
        {
            return MemoryMarshal.Cast<byte, float>(values).ToArray();
        }

        ReadOnlySpan<ushort> halves = MemoryMarshal.Cast<byte, ushort>(values);
        float[] floats = new float[halves.Length];
        HalfToSingle.Convert(halves, floats);
        return floats;
    }
}
