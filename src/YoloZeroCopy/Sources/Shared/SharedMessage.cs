using System.Buffers.Binary;
using System.Runtime.InteropServices;
using YoloZeroCopy.Cuda;

namespace YoloZeroCopy;

/// <summary>The messages of shared frames, as native/frames/README.md describes them: little-endian words.</summary>
internal static class SharedMessage
{
    public const uint Magic = 0x46435A59;
    public const uint Version = 2;
    public const uint WantsResults = 1;

    public const uint Hello = 1;
    public const uint Welcome = 2;
    public const uint Refused = 3;
    public const uint Slot = 4;
    public const uint Frame = 5;
    public const uint Result = 6;
    public const uint WelcomeOnDevice = 7;
    public const uint Rings = 8;
    public const uint Bell = 9;

    public const int HelloBytes = 16;
    public const int WelcomeBytes = 24;
    public const int DeviceBytes = 16;
    public const int WelcomeOnDeviceBytes = WelcomeBytes + CudaIpc.HandleBytes + DeviceBytes;
    public const int RefusedBytes = 16;
    public const int RingsBytes = 16;
    public const int BellBytes = 4;
    public const int FrameBytes = 48;
    public const int AnswerBytes = 20;

    /// <summary>Detections that go with one result; those of the highest score, where there are more.</summary>
    public const int MaxDetections = 1024;

    public const int MaxResultBytes = MaxDetections * DetectionBytes;

    /// <summary>Most slots that a producer is given.</summary>
    public const int MaxSlots = 64;

    // Class, score and four edges: the struct itself, on a little-endian machine.
    private const int DetectionBytes = 24;

    public static uint Word(ReadOnlySpan<byte> message, int index) => BinaryPrimitives.ReadUInt32LittleEndian(message[(4 * index)..]);

    public static long LongWord(ReadOnlySpan<byte> message, int index) => BinaryPrimitives.ReadInt64LittleEndian(message[(4 * index)..]);

    /// <summary>Writes words one behind the other, and gives their bytes.</summary>
    public static ReadOnlyMemory<byte> Write(byte[] buffer, params ReadOnlySpan<uint> words)
    {
        for (int index = 0; index < words.Length; index++)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(buffer.AsSpan(4 * index), words[index]);
        }

        return buffer.AsMemory(0, 4 * words.Length);
    }

    public static ReadOnlySpan<byte> WriteFrame(
        byte[] buffer, int slot, uint generation, in FrameFormat format, long capturedAt, long timestamp)
    {
        _ = Write(
            buffer, Frame, (uint)slot, generation, (uint)format.PixelFormat, (uint)format.Width, (uint)format.Height, (uint)format.Stride,
            (uint)format.Color);
        BinaryPrimitives.WriteInt64LittleEndian(buffer.AsSpan(32), capturedAt);
        BinaryPrimitives.WriteInt64LittleEndian(buffer.AsSpan(40), timestamp);
        return buffer.AsSpan(0, FrameBytes);
    }

    /// <summary>The detections that go with a result, as bytes.</summary>
    public static ReadOnlySpan<byte> BytesOf(ReadOnlySpan<Detection> detections) =>
        MemoryMarshal.AsBytes(detections[..Math.Min(detections.Length, MaxDetections)]);
}
