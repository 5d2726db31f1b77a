using System.Runtime.InteropServices;

namespace YoloZeroCopy;

/// <summary>The best logit of a cell in one word, as <c>best_logit.cuh</c> has it.</summary>
/// <remarks>
/// The logit's place in an order of numbers, above 65535 - class: of equal ones the lowest class is the largest word.
/// Where a logit of the cell is not finite, the word is that of the lowest such class.
/// </remarks>
internal static class BestLogit
{
    private const ushort Sign = 0x8000;

    /// <summary>The word of a cell.</summary>
    /// <param name="logits">Of all classes, up to <see cref="DecodeKernels.ClassLimit"/>.</param>
    public static uint Of(ReadOnlySpan<Half> logits)
    {
        uint best = 0;
        for (int classId = 0; classId < logits.Length; classId++)
        {
            uint word = PlaceOf(BitConverter.HalfToUInt16Bits(logits[classId])) << 16 | (uint)(ushort.MaxValue - classId);
            if (!Half.IsFinite(logits[classId]))
            {
                return word;
            }

            best = Math.Max(best, word);
        }

        return best;
    }

    /// <summary>Puts the words of a picture's cells where its map of scores begins, in place of the logits.</summary>
    /// <param name="map">The map: for each cell the logits of all classes, filled up as <see cref="LayerNetwork.Padded"/> says.</param>
    /// <param name="classCount">Classes.</param>
    public static void Replace(Span<Half> map, int classCount)
    {
        int step = LayerNetwork.Padded(classCount);
        Span<uint> words = MemoryMarshal.Cast<Half, uint>(map);

        // A cell's word is never behind its logits.
        for (int cell = 0; cell < map.Length / step; cell++)
        {
            words[cell] = Of(map.Slice(cell * step, classCount));
        }
    }

    // Both zeros are one, as they are to a comparison. What is not finite has the places beyond all others.
    private static uint PlaceOf(ushort half) => half == Sign ? half : (half & Sign) != 0 ? (uint)(half ^ ushort.MaxValue) : (uint)(half | Sign);
}
