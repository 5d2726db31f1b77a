using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using YoloZeroCopy.Cuda.Interop;

namespace YoloZeroCopy.Cuda.Tests;

/// <summary>One loaded stand-in for libnvcuvid beside a stand-in driver, and the packets of its bitstream.</summary>
internal sealed unsafe class VideoDouble
{
    private readonly nint module;

    public VideoDouble(CompiledSources sources)
    {
        Driver = new DriverDouble(sources);
        Library = sources.Library("nvcuvid_double/nvcuvid_double.c");
        module = NativeLibrary.Load(Library);
        fixed (byte* path = Text(Driver.Library))
        {
            Assert.Equal(1, ((delegate* unmanaged<byte*, int>)Export("yzc_use_driver"))(path));
        }
    }

    public DriverDouble Driver { get; }

    public string Library { get; }

    public VideoApi Api => field ??= VideoApi.Open([Library]).Api!;

    public string Misuse => Marshal.PtrToStringUTF8((nint)((delegate* unmanaged<byte*>)Export("yzc_misuse"))())!;

    /// <summary>The headers of a sequence.</summary>
    public static byte[] Sequence(
        int codedWidth = 64, int codedHeight = 48, int left = 0, int top = 0, int? right = null, int? bottom = null, int bitDepth = 8,
        int chroma = 1, int leastSurfaces = 4, int reorder = 0, bool isFullRange = false, int matrix = 1)
    {
        byte[] record = new byte[19];
        record[0] = (byte)'S';
        int[] words = [codedWidth, codedHeight, left, top, right ?? codedWidth, bottom ?? codedHeight];
        for (int i = 0; i < words.Length; i++)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(record.AsSpan(1 + (2 * i)), (ushort)words[i]);
        }

        int[] bytes = [bitDepth, chroma, leastSurfaces, reorder, isFullRange ? 1 : 0, matrix];
        for (int i = 0; i < bytes.Length; i++)
        {
            record[13 + i] = (byte)bytes[i];
        }

        return record;
    }

    /// <summary>A unit of a real bitstream, which the stand-in skips.</summary>
    public static byte[] Unit(byte[] unit) => [(byte)'N', checked((byte)unit.Length), .. unit];

    /// <summary>A picture; its place in the order of display counts where the sequence reorders.</summary>
    public static byte[] Picture(int seed, int order = 0, PictureFlags flags = PictureFlags.Reference) =>
        [(byte)'P', (byte)order, (byte)seed, (byte)flags];

    /// <summary>What the stand-in decodes a picture to: the shown part, rows without padding.</summary>
    public static byte[] Pixels(int seed, CudaVideoFormat format)
    {
        List<byte> pixels = [];
        void Put(int value)
        {
            if (format.BitDepth == 8)
            {
                pixels.Add((byte)value);
            }
            else
            {
                int wide = (value & 1023) << 6;
                pixels.Add((byte)wide);
                pixels.Add((byte)(wide >> 8));
            }
        }

        for (int y = format.Top; y < format.Top + format.Height; y++)
        {
            for (int x = format.Left; x < format.Left + format.Width; x++)
            {
                Put(seed + x + (3 * y));
            }
        }

        for (int y = format.Top / 2; y < (format.Top + format.Height) / 2; y++)
        {
            for (int x = format.Left; x < format.Left + format.Width; x++)
            {
                Put(seed + (7 * x) + (5 * y));
            }
        }

        return [.. pixels];
    }

    public void Set(string name, long value)
    {
        fixed (byte* text = Text(name))
        {
            ((delegate* unmanaged<byte*, long, void>)Export("yzc_set"))(text, value);
        }
    }

    /// <summary>What lives (decoders, parsers, mapped), or the calls of a function.</summary>
    public long Get(string name)
    {
        fixed (byte* text = Text(name))
        {
            return ((delegate* unmanaged<byte*, long>)Export("yzc_get"))(text);
        }
    }

    /// <summary>Lets the nth call from now of a function answer a status.</summary>
    public void Fail(string function, CUresult status, int nth = 1)
    {
        fixed (byte* text = Text(function))
        {
            ((delegate* unmanaged<byte*, int, int, void>)Export("yzc_fail"))(text, nth, (int)status);
        }
    }

    /// <summary>Nothing lives, here and in the driver, and nothing was done wrong.</summary>
    public void AssertClean()
    {
        Assert.Equal("", Misuse);
        Assert.Equal((0, 0, 0), (Get("parsers"), Get("decoders"), Get("mapped")));
        Driver.AssertClean();
    }

    private static byte[] Text(string text) => [.. Encoding.UTF8.GetBytes(text), 0];

    private nint Export(string name) => NativeLibrary.GetExport(module, name);
}

/// <summary>Flags of a picture of the stand-in.</summary>
[Flags]
internal enum PictureFlags
{
    None = 0,
    Intra = 1,
    Reference = 2,
    Broken = 4,
    Concealed = 8,

    /// <summary>Its status is asked for before it is decoded.</summary>
    Slow = 16,

    /// <summary>Two fields, each of them decoded by itself.</summary>
    Fields = 32,
}
