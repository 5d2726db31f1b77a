using System.Collections.Immutable;

namespace YoloZeroCopy;

/// <summary>The input sizes that a detector runs its model at, by rising area, and which of them a frame gets. Immutable; any thread.</summary>
internal sealed class InputSizes
{
    /// <summary>Most sizes of a detector: every one costs contexts.</summary>
    public const int Most = 8;

    private InputSizes(ImmutableArray<ModelInputSize> all) => All = all;

    /// <summary>What most models have, where nobody says anything.</summary>
    public static InputSizes Usual { get; } = Of(ModelMetadata.DefaultSize);

    /// <summary>The sizes, by rising area.</summary>
    public ImmutableArray<ModelInputSize> All { get; }

    /// <summary>The largest, which models and engines are described by.</summary>
    public ModelInputSize Largest => All[^1];

    /// <summary>Puts different sizes in order.</summary>
    public static InputSizes Of(params IEnumerable<ModelInputSize> sizes) =>
        new([.. sizes.OrderBy(static size => (long)size.Width * size.Height).ThenBy(static size => size.Width)]);

    /// <summary>The size for a frame: of those at which it is scaled down least, or not at all, the smallest.</summary>
    /// <returns>Its place in <see cref="All"/>.</returns>
    public int IndexFor(in FrameFormat format)
    {
        int best = 0;
        double most = 0;
        for (int index = 0; index < All.Length; index++)
        {
            double scale = Math.Min(1, Math.Min((double)All[index].Width / format.Width, (double)All[index].Height / format.Height));
            if (scale > most)
            {
                (best, most) = (index, scale);
            }
        }

        return best;
    }

    /// <summary>The place of a size in <see cref="All"/>.</summary>
    /// <exception cref="ArgumentException">It is none of them.</exception>
    public int IndexOf(ModelInputSize size, string name)
    {
        int index = All.IndexOf(size);
        return index >= 0 ? index : throw new ArgumentException($"{name} is {size}, and the detector was opened for {this}.", name);
    }

    public override string ToString() => string.Join(", ", All);
}
