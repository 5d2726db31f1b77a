using System.Text;

namespace YoloZeroCopy.Interop;

/// <summary>Text to and from a C library: UTF-8 that ends with a zero byte.</summary>
internal static unsafe class Utf8
{
    /// <summary>The bytes of a text with a zero behind them.</summary>
    public static byte[] Terminated(string text)
    {
        byte[] bytes = new byte[Encoding.UTF8.GetByteCount(text) + 1];
        Encoding.UTF8.GetBytes(text, bytes);
        return bytes;
    }

    /// <summary>Reads at most <paramref name="maxBytes"/> bytes; null reads as an empty text, bytes that are no UTF-8 as U+FFFD.</summary>
    public static string Read(byte* text, int maxBytes)
    {
        if (text == null)
        {
            return string.Empty;
        }

        int length = 0;
        while (length < maxBytes && text[length] != 0)
        {
            length++;
        }

        return Encoding.UTF8.GetString(text, length);
    }
}
