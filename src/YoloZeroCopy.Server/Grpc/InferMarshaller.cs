using System.Buffers;
using Google.Protobuf;
using Grpc.Core;
using YoloZeroCopy.Server.Protocol;

namespace YoloZeroCopy.Server;

/// <summary>Reads requests to infer: raw contents go into pooled memory, the rest into the message.</summary>
/// <remarks>The generated code would put megabytes of every frame into an array of its own, for the garbage collector to find.</remarks>
internal static class InferMarshaller
{
    // What is not raw becomes objects, which take many times as much as what came.
    private const long MaxMessageBytes = 4 << 20;
    private const int MaxParts = 64;

    private const uint LengthDelimited = 2;

    public static Marshaller<InferMessage> Instance { get; } = new(
        static (_, _) => throw new NotSupportedException("A server reads requests, and writes none."), static context =>
            Read(context.PayloadAsReadOnlySequence()));

    /// <exception cref="RpcException">It is no such message.</exception>
    internal static InferMessage Read(ReadOnlySequence<byte> payload)
    {
        InferMessage message = new();
        try
        {
            Read(payload, message);
            return message;
        }
        catch (Exception error)
        {
            message.Dispose();
            throw error is InvalidProtocolBufferException
                ? new RpcException(new Status(StatusCode.InvalidArgument, $"The message is no ModelInferRequest: {error.Message}"))
                : error;
        }
    }

    private static void Read(ReadOnlySequence<byte> payload, InferMessage message)
    {
        SequenceReader<byte> reader = new(payload);
        long messageBytes = 0;
        int parts = 0;
        SequencePosition pieceStart = payload.Start;
        while (!reader.End)
        {
            SequencePosition tagStart = reader.Position;
            ulong tag = ReadVarint(ref reader);
            if (++parts > MaxParts)
            {
                throw Wrong($"It has more than {MaxParts} parts.");
            }

            if (tag == (((ulong)ModelInferRequest.RawInputContentsFieldNumber << 3) | LengthDelimited))
            {
                long length = (long)Math.Min(ReadVarint(ref reader), long.MaxValue);
                if (length > reader.Remaining)
                {
                    throw Wrong("Raw contents are longer than what is there.");
                }

                // Pieces of a message, merged one after the other, are the message.
                messageBytes += Merge(message, payload.Slice(pieceStart, tagStart), messageBytes);
                PooledBytes raw = PooledBytes.Copy(reader.Sequence.Slice(reader.Position, length));
                message.Own(raw);
                message.Raw.Add(raw.Memory);
                reader.Advance(length);
                pieceStart = reader.Position;
            }
            else
            {
                Skip(ref reader, (uint)(tag & 7));
            }
        }

        _ = Merge(message, payload.Slice(pieceStart), messageBytes);
    }

    private static long Merge(InferMessage message, ReadOnlySequence<byte> piece, long before)
    {
        if (piece.Length + before > MaxMessageBytes)
        {
            throw Wrong($"Beside raw contents it has more than {MaxMessageBytes} bytes.");
        }

        message.Request.MergeFrom(piece);
        return piece.Length;
    }

    private static void Skip(ref SequenceReader<byte> reader, uint kind)
    {
        long length = kind switch
        {
            0 => -1,
            1 => 8,
            LengthDelimited => (long)Math.Min(ReadVarint(ref reader), long.MaxValue),
            5 => 4,
            _ => throw Wrong("A field is of a kind that there is not."),
        };
        if (length < 0)
        {
            _ = ReadVarint(ref reader);
        }
        else if (length > reader.Remaining)
        {
            throw Wrong("A field is longer than what is there.");
        }
        else
        {
            reader.Advance(length);
        }
    }

    private static ulong ReadVarint(ref SequenceReader<byte> reader)
    {
        ulong value = 0;
        for (int shift = 0; shift < 64; shift += 7)
        {
            if (!reader.TryRead(out byte next))
            {
                throw Wrong("It ends early.");
            }

            value |= (ulong)(next & 0x7F) << shift;
            if (next < 0x80)
            {
                return value;
            }
        }

        throw Wrong("A number has more than ten bytes.");
    }

    private static RpcException Wrong(string reason) => new(new Status(StatusCode.InvalidArgument, $"The message is no ModelInferRequest: {reason}"));
}
