using System.ComponentModel;
using System.Globalization;

namespace YoloZeroCopy;

/// <summary>
/// Reads an option from text for those who ask the framework how: the binder of its configuration above all, whose error then says what is wanted.
/// </summary>
/// <remarks>The other way round the base class takes <see cref="object.ToString"/>, which each of these types writes so that it can be read.
/// </remarks>
internal abstract class TextConverter : TypeConverter
{
    public override bool CanConvertFrom(ITypeDescriptorContext? context, Type sourceType) =>
        sourceType == typeof(string) || base.CanConvertFrom(context, sourceType);

    public override object? ConvertFrom(ITypeDescriptorContext? context, CultureInfo? culture, object value) =>
        value is string text ? Read(text.Trim()) : base.ConvertFrom(context, culture, value);

    /// <exception cref="FormatException">The text is none; the message lists what is.</exception>
    protected abstract object Read(string text);
}

/// <summary>For <see cref="Device"/>.</summary>
internal sealed class DeviceConverter : TextConverter
{
    protected override object Read(string text) => Device.Parse(text);
}

/// <summary>For <see cref="ModelInputSize"/>.</summary>
internal sealed class ModelInputSizeConverter : TextConverter
{
    protected override object Read(string text) => ModelInputSize.Parse(text);
}

/// <summary>For <see cref="ExpectedDecoders"/>.</summary>
internal sealed class ExpectedDecodersConverter : TextConverter
{
    protected override object Read(string text) => ExpectedDecoders.Parse(text);
}

/// <summary>For an enumeration, by name only: the framework would take any number, too, and lists no names when it refuses.</summary>
internal sealed class NamedValueConverter<T> : TextConverter
    where T : struct, Enum
{
    protected override object Read(string text) =>
        Array.Find(Enum.GetNames<T>(), name => name.Equals(text, StringComparison.OrdinalIgnoreCase)) is string name
            ? Enum.Parse<T>(name)
            : throw new FormatException($"'{text}' is no {typeof(T).Name}; {string.Join(", ", Enum.GetNames<T>())} are.");
}
