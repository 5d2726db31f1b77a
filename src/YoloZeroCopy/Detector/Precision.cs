using System.ComponentModel;

namespace YoloZeroCopy;

/// <summary>Precision in which a model is computed on CUDA.</summary>
[TypeConverter(typeof(NamedValueConverter<Precision>))]
public enum Precision
{
    /// <summary><see cref="Half"/> on a GPU, where tensor cores make it several times as fast. The default.</summary>
    Auto,

    /// <summary>
    /// What the model's file is in: a usual export stays in single precision, one in half precision stays in half. NVIDIA's libraries multiply single
    /// precision in TF32, with 10 bits behind the point, where a device can; the environment variable <c>NVIDIA_TF32_OVERRIDE=0</c> keeps them from
    /// it.
    /// </summary>
    Single,

    /// <summary>
    /// Half precision, with sums in single precision. Scores differ from those in single precision in the third decimal: docs/performance.md has what
    /// that costs in accuracy.
    /// </summary>
    Half,
}
