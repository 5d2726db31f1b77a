using System.Runtime.InteropServices;
using YoloZeroCopy.Interop;

namespace YoloZeroCopy;

/// <summary>A convolution with all that follows it, compiled to one kernel, or to few, for a device.</summary>
/// <remarks>Any thread, once made. It is disposed when nothing that runs it is queued any more.</remarks>
internal sealed class CudnnPlan : IDisposable
{
    // Names of the tensors in a plan and in what it is run with.
    private const long InputId = 1;
    private const long WeightsId = 2;
    private const long BiasId = 3;
    private const long AddedId = 4;
    private const long OutputId = 5;
    private const long VirtualId = 10;

    private const long Alignment = 16;

    // How many ways cuDNN is asked for.
    private const int Proposals = 2;

    private readonly CudnnApi api;
    private readonly CudnnDescriptor plan;
    private readonly bool hasAdded;

    private CudnnPlan(CudnnApi api, CudnnDescriptor plan, bool hasAdded, bool isStored)
    {
        this.api = api;
        this.plan = plan;
        this.hasAdded = hasAdded;
        IsStored = isStored;
        WorkspaceBytes = plan.GetInt64(CudnnAttribute.PlanWorkspaceSize);
    }

    /// <summary>Most memory that a plan may work in, where nothing else is said.</summary>
    public const long MaxWorkspaceBytes = 256L << 20;

    /// <summary>Device memory that a run works in.</summary>
    public long WorkspaceBytes { get; }

    /// <summary>Whether it was read as the one to take: it is neither to be compared with another nor to be kept.</summary>
    public bool IsStored { get; }

    /// <summary>Compiles the best way to compute a convolution that cuDNN's heuristics propose and that can be built.</summary>
    /// <param name="api">cuDNN.</param>
    /// <param name="handle">A handle on the device.</param>
    /// <param name="shape">The convolution.</param>
    /// <param name="workspaceLimit">Most bytes that it may work in.</param>
    /// <exception cref="InferenceException">cuDNN has nothing for it on this device.</exception>
    public static CudnnPlan Compile(CudnnApi api, CudnnHandle handle, in ConvolutionShape shape, long workspaceLimit = MaxWorkspaceBytes)
    {
        using CudnnDescriptor graph = Describe(api, handle, shape);
        string? failure = null;
        foreach (CudnnHeuristicsMode mode in (CudnnHeuristicsMode[])[CudnnHeuristicsMode.A, CudnnHeuristicsMode.Fallback])
        {
            if (TryCompile(api, handle, graph, mode, shape.AddedStep != 0, 0..Proposals, workspaceLimit, ref failure) is CudnnPlan plan)
            {
                return plan;
            }
        }

        throw new InferenceException(failure ?? $"cuDNN proposes nothing for the convolution {shape}.");
    }

    /// <summary>Compiles the way that the heuristics hold for the second best; null where there is none or it cannot be built.</summary>
    public static CudnnPlan? TryCompileSecond(CudnnApi api, CudnnHandle handle, in ConvolutionShape shape, long workspaceLimit = MaxWorkspaceBytes)
    {
        using CudnnDescriptor graph = Describe(api, handle, shape);
        string? failure = null;
        return TryCompile(api, handle, graph, CudnnHeuristicsMode.A, shape.AddedStep != 0, 1..Proposals, workspaceLimit, ref failure);
    }

    /// <summary>Reads a plan that <see cref="ToJson"/> wrote for the same shape, device and version; null where cuDNN does not take it.</summary>
    public static CudnnPlan? TryRead(CudnnApi api, CudnnHandle handle, in ConvolutionShape shape, ReadOnlySpan<byte> json, bool isStored)
    {
        CudnnDescriptor plan = new(api, CudnnDescriptorType.ExecutionPlan);
        try
        {
            plan.Set(CudnnAttribute.PlanHandle, CudnnAttributeType.Handle, handle.Value).Set(CudnnAttribute.PlanJson, CudnnAttributeType.Char, json);
            if (plan.TryComplete() == CudnnStatus.Success)
            {
                return new CudnnPlan(api, plan, shape.AddedStep != 0, isStored);
            }
        }
        catch (InferenceException)
        {
            // Of another version, perhaps: it is compiled anew.
        }
        catch
        {
            plan.Dispose();
            throw;
        }

        plan.Dispose();
        return null;
    }

    /// <summary>The plan as text, to be read by another process; null where cuDNN has none of it.</summary>
    public byte[]? ToJson() => plan.TryGetText(CudnnAttribute.PlanJson);

    /// <summary>Binds tensors; the caller disposes what this gives.</summary>
    /// <param name="input">Device address, a multiple of 16 as all of them.</param>
    /// <param name="weights">Device address.</param>
    /// <param name="bias">Device address.</param>
    /// <param name="output">Device address.</param>
    /// <param name="added">Device address; 0 where nothing is added.</param>
    /// <param name="workspace">Device address of <see cref="WorkspaceBytes"/>; 0 where there are none.</param>
    public CudnnDescriptor Bind(ulong input, ulong weights, ulong bias, ulong output, ulong added, ulong workspace)
    {
        ReadOnlySpan<ulong> addresses = [input, weights, bias, output, added];
        ReadOnlySpan<long> ids = [InputId, WeightsId, BiasId, OutputId, AddedId];
        int count = hasAdded ? ids.Length : ids.Length - 1;
        CudnnDescriptor pack = new(api, CudnnDescriptorType.VariantPack);
        try
        {
            return pack
                .Set(CudnnAttribute.PackDataPointers, CudnnAttributeType.Pointer, addresses[..count])
                .Set(CudnnAttribute.PackUniqueIds, CudnnAttributeType.Int64, ids[..count])
                .Set(CudnnAttribute.PackWorkspace, CudnnAttributeType.Pointer, workspace)
                .Complete();
        }
        catch
        {
            pack.Dispose();
            throw;
        }
    }

    /// <summary>Queues a run on a handle's stream. Allocates nothing.</summary>
    /// <exception cref="InferenceException">cuDNN refused.</exception>
    public unsafe void Execute(CudnnHandle handle, CudnnDescriptor tensors)
    {
        CudnnStatus status = api.Execute(handle.Value, plan.Value, tensors.Value);
        if (status != CudnnStatus.Success)
        {
            api.ThrowIfFailed(status, "running a convolution");
        }
    }

    public void Dispose() => plan.Dispose();

    /// <summary>Compiles the first that can be built of what a kind of heuristics proposes at some places; null where none can.</summary>
    private static CudnnPlan? TryCompile(
        CudnnApi api, CudnnHandle handle, CudnnDescriptor graph, CudnnHeuristicsMode mode, bool hasAdded, Range places, long workspaceLimit,
        ref string? failure)
    {
        List<CudnnDescriptor> proposals = [];
        try
        {
            using CudnnDescriptor heuristics = new(api, CudnnDescriptorType.EngineHeuristics);
            heuristics
                .Set(CudnnAttribute.HeuristicsOperationGraph, graph)
                .Set(CudnnAttribute.HeuristicsMode, CudnnAttributeType.HeuristicsMode, mode);
            CudnnStatus status = heuristics.TryComplete();
            if (status != CudnnStatus.Success)
            {
                failure = api.Describe(status, "looking for ways to compute a convolution");
                return null;
            }

            for (int i = 0; i < Proposals; i++)
            {
                proposals.Add(new CudnnDescriptor(api, CudnnDescriptorType.EngineConfig));
            }

            int count = heuristics.GetDescriptors(CudnnAttribute.HeuristicsResults, CollectionsMarshal.AsSpan(proposals));
            foreach (CudnnDescriptor proposal in proposals.Take(count).Take(places))
            {
                if (TryBuild(api, handle, proposal, hasAdded, workspaceLimit, ref failure) is CudnnPlan plan)
                {
                    return plan;
                }
            }

            return null;
        }
        finally
        {
            proposals.ForEach(static proposal => proposal.Dispose());
        }
    }

    private static CudnnPlan? TryBuild(
        CudnnApi api, CudnnHandle handle, CudnnDescriptor proposal, bool hasAdded, long workspaceLimit, ref string? failure)
    {
        CudnnDescriptor built = new(api, CudnnDescriptorType.ExecutionPlan);
        try
        {
            built.Set(CudnnAttribute.PlanHandle, CudnnAttributeType.Handle, handle.Value).Set(CudnnAttribute.PlanEngineConfig, proposal);
            CudnnStatus status = built.TryComplete();
            if (status != CudnnStatus.Success)
            {
                failure = api.Describe(status, "compiling a convolution");
                built.Dispose();
                return null;
            }

            CudnnPlan plan = new(api, built, hasAdded, isStored: false);
            if (plan.WorkspaceBytes <= workspaceLimit)
            {
                return plan;
            }

            failure = $"cuDNN wants {plan.WorkspaceBytes >> 20} MiB to compute a convolution in.";
            plan.Dispose();
            return null;
        }
        catch
        {
            built.Dispose();
            throw;
        }
    }

    /// <summary>Convolution, bias, activation and sum as one graph, whose tensors between are never written.</summary>
    private static CudnnDescriptor Describe(CudnnApi api, CudnnHandle handle, in ConvolutionShape shape)
    {
        List<CudnnDescriptor> parts = [];
        try
        {
            ConvolutionTensor output = shape.Output;
            CudnnDescriptor input = Tensor(InputId, shape.Batch, shape.Input, CudnnDataType.Half);
            CudnnDescriptor weights = Tensor(
                WeightsId,
                output.Channels,
                new ConvolutionTensor(shape.Input.Channels, shape.Kernel.Height, shape.Kernel.Width, shape.Input.Channels),
                CudnnDataType.Half);
            CudnnDescriptor bias = Tensor(BiasId, 1, new ConvolutionTensor(output.Channels, 1, 1, output.Channels), CudnnDataType.Half);
            CudnnDescriptor result = Tensor(OutputId, shape.Batch, output, CudnnDataType.Half);
            bool hasActivation = shape.Activation == LayerActivation.Silu;
            List<CudnnDescriptor> operations = [];
            long nextVirtual = VirtualId;

            CudnnDescriptor convolved = Virtual(shape.Batch);
            operations.Add(Convolution(shape, input, weights, convolved));
            CudnnDescriptor last = hasActivation || shape.AddedStep != 0 ? Virtual(shape.Batch) : result;
            operations.Add(Pointwise(CudnnPointwiseMode.Add, convolved, bias, last));
            if (hasActivation)
            {
                CudnnDescriptor activated = shape.AddedStep != 0 ? Virtual(shape.Batch) : result;
                operations.Add(Pointwise(CudnnPointwiseMode.Swish, last, null, activated));
                last = activated;
            }

            if (shape.AddedStep != 0)
            {
                CudnnDescriptor added = Tensor(AddedId, shape.Batch, output with { Step = shape.AddedStep }, CudnnDataType.Half);
                operations.Add(Pointwise(CudnnPointwiseMode.Add, last, added, result));
            }

            CudnnDescriptor graph = new(api, CudnnDescriptorType.OperationGraph);
            try
            {
                return graph
                    .Set(CudnnAttribute.GraphHandle, CudnnAttributeType.Handle, handle.Value)
                    .Set(CudnnAttribute.GraphOperations, CudnnAttributeType.Descriptor, [.. operations.Select(static operation => operation.Value)])
                    .Complete();
            }
            catch
            {
                graph.Dispose();
                throw;
            }

            CudnnDescriptor Virtual(int batch) =>
                Tensor(nextVirtual++, batch, output with { Step = output.Channels }, CudnnDataType.Float, isVirtual: true);
        }
        finally
        {
            parts.ForEach(static part => part.Dispose());
        }

        CudnnDescriptor New(CudnnDescriptorType type)
        {
            CudnnDescriptor part = new(api, type);
            parts.Add(part);
            return part;
        }

        CudnnDescriptor Tensor(long id, int count, ConvolutionTensor tensor, CudnnDataType type, bool isVirtual = false) =>
            New(CudnnDescriptorType.Tensor)
                .Set(CudnnAttribute.TensorDataType, CudnnAttributeType.DataType, type)
                .Set<long>(CudnnAttribute.TensorDimensions, CudnnAttributeType.Int64, [count, tensor.Channels, tensor.Height, tensor.Width])
                .Set<long>(
                    CudnnAttribute.TensorStrides,
                    CudnnAttributeType.Int64,
                    [(long)tensor.Height * tensor.Width * tensor.Step, 1, (long)tensor.Width * tensor.Step, tensor.Step])
                .Set(CudnnAttribute.TensorUniqueId, CudnnAttributeType.Int64, id)
                .Set(CudnnAttribute.TensorByteAlignment, CudnnAttributeType.Int64, Alignment)
                .Set(CudnnAttribute.TensorIsVirtual, CudnnAttributeType.Boolean, isVirtual)
                .Complete();

        CudnnDescriptor Convolution(in ConvolutionShape shape, CudnnDescriptor input, CudnnDescriptor weights, CudnnDescriptor output)
        {
            CudnnDescriptor how = New(CudnnDescriptorType.Convolution)
                .Set(CudnnAttribute.ConvolutionSpatialDimensions, CudnnAttributeType.Int64, 2L)
                .Set(CudnnAttribute.ConvolutionComputeType, CudnnAttributeType.DataType, CudnnDataType.Float)
                .Set(CudnnAttribute.ConvolutionMode, CudnnAttributeType.ConvolutionMode, CudnnConvolutionMode.CrossCorrelation)
                .Set<long>(CudnnAttribute.ConvolutionPrePaddings, CudnnAttributeType.Int64, [shape.Before.Top, shape.Before.Left])
                .Set<long>(CudnnAttribute.ConvolutionPostPaddings, CudnnAttributeType.Int64, [shape.After.Bottom, shape.After.Right])
                .Set<long>(CudnnAttribute.ConvolutionDilations, CudnnAttributeType.Int64, [1, 1])
                .Set<long>(CudnnAttribute.ConvolutionStrides, CudnnAttributeType.Int64, [shape.Stride.Down, shape.Stride.Right])
                .Complete();
            return New(CudnnDescriptorType.ConvolutionForward)
                .Set(CudnnAttribute.ConvolutionForwardInput, input)
                .Set(CudnnAttribute.ConvolutionForwardWeights, weights)
                .Set(CudnnAttribute.ConvolutionForwardOutput, output)
                .Set(CudnnAttribute.ConvolutionForwardDescriptor, how)
                .Set(CudnnAttribute.ConvolutionForwardAlpha, CudnnAttributeType.Float, 1f)
                .Set(CudnnAttribute.ConvolutionForwardBeta, CudnnAttributeType.Float, 0f)
                .Complete();
        }

        CudnnDescriptor Pointwise(CudnnPointwiseMode mode, CudnnDescriptor input, CudnnDescriptor? second, CudnnDescriptor output)
        {
            CudnnDescriptor how = New(CudnnDescriptorType.Pointwise)
                .Set(CudnnAttribute.PointwiseMode, CudnnAttributeType.PointwiseMode, mode)
                .Set(CudnnAttribute.PointwiseMathPrecision, CudnnAttributeType.DataType, CudnnDataType.Float);
            if (mode == CudnnPointwiseMode.Swish)
            {
                how.Set(CudnnAttribute.PointwiseSwishBeta, CudnnAttributeType.Double, 1.0);
            }

            CudnnDescriptor operation = New(CudnnDescriptorType.PointwiseOperation)
                .Set(CudnnAttribute.PointwiseDescriptor, how.Complete())
                .Set(CudnnAttribute.PointwiseInput, input)
                .Set(CudnnAttribute.PointwiseOutput, output);
            if (second is not null)
            {
                operation.Set(CudnnAttribute.PointwiseSecondInput, second);
            }

            return operation.Complete();
        }
    }
}
