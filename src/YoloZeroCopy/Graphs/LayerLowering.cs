using System.Collections.Immutable;

namespace YoloZeroCopy;

/// <summary>Makes layers of a model's operators.</summary>
/// <remarks>
/// In three passes: the operators become steps over tensors without memory (<see cref="LayerReader"/>), the tensors get their places in buffers
/// (<see cref="LayerPlacement"/>), and the weights are written as the layers want them (<see cref="LayerWeights"/>). A model is untrusted: every
/// number is checked before it is used, what a network may have in layers, channels and bytes is bounded, and nothing recurses.
/// </remarks>
internal static class LayerLowering
{
    /// <summary>A model of more layers is none that one would want to run so. The largest detection models have some hundreds.</summary>
    public const int MaxLayers = 4096;

    /// <summary>Lowers a model.</summary>
    /// <param name="model">The model.</param>
    /// <param name="graph">Its graph.</param>
    /// <param name="input">Name of its input.</param>
    /// <param name="size">Size of the input.</param>
    /// <param name="maps">Names of the tensors that the network gives, in that order.</param>
    /// <param name="reason">Why the model cannot be lowered, where this is null.</param>
    /// <returns>The network, which the caller disposes.</returns>
    public static LayerNetwork? TryLower(
        OnnxModel model, OnnxGraph graph, string input, (int Width, int Height) size, IEnumerable<string> maps, out string? reason)
    {
        try
        {
            reason = null;
            return Lower(model, graph, input, size, [.. maps]);
        }
        catch (Exception error) when (error is LoweringException or ModelException)
        {
            reason = error.Message;
            return null;
        }
    }

    private static LayerNetwork Lower(OnnxModel model, OnnxGraph graph, string input, (int Width, int Height) size, ImmutableArray<string> maps)
    {
        LayerReader reader = new(graph, input, size);
        ImmutableArray<LayerChannels> outputs = reader.Read(maps);
        LayerPlacement placement = new(reader.Steps, outputs);
        ModelBytes weights = LayerWeights.Write(model, [.. reader.Steps.OfType<ConvolutionStep>()]);
        try
        {
            ImmutableArray<Layer> layers = placement.Layers();
            return new LayerNetwork { Buffers = placement.Buffers, Layers = layers, Outputs = placement.Outputs, Weights = weights };
        }
        catch
        {
            weights.Dispose();
            throw;
        }
    }
}

/// <summary>Why a model cannot be lowered.</summary>
internal sealed class LoweringException(string message) : Exception(message);
