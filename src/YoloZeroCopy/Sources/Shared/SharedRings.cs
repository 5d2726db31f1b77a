using Microsoft.Win32.SafeHandles;

namespace YoloZeroCopy;

/// <summary>What two processes tell each other of slots while one is connected: a ring each way, and a place for each slot's result.</summary>
/// <remarks>Each connection has memory of its own, so that nobody who was cut off can disturb who comes after.</remarks>
internal sealed unsafe class SharedRings : IDisposable
{
    // As native/frames/README.md has it: words, frames, answers, results.
    private const int AnswerWordsAt = 128;
    private const int FramesAt = 4096;
    private const int AnswersAt = 8192;
    private const int ResultsAt = 12288;
    private const int FrameStep = 64;
    private const int AnswerStep = 32;

    private readonly SharedMemory memory;

    private SharedRings(SharedMemory memory, bool withResults)
    {
        this.memory = memory;
        byte* first = (byte*)memory.Address;
        ToDetector = new SharedRing(first, first + FramesAt, FrameStep, SharedMessage.MaxSlots);

        // A slot is told of twice: what was found in it, and that it is free.
        ToProducer = new SharedRing(
            first + AnswerWordsAt, first + AnswersAt, AnswerStep, 2 * SharedMessage.MaxSlots, withResults ? first + ResultsAt : null);
    }

    /// <summary>Frames.</summary>
    public SharedRing ToDetector { get; }

    /// <summary>Slots and results.</summary>
    public SharedRing ToProducer { get; }

    /// <summary>The file, to be passed on.</summary>
    public SafeFileHandle File => memory.File;

    /// <summary>Bytes of the memory.</summary>
    public static int BytesFor(int slots, bool withResults) => ResultsAt + (withResults ? slots * SharedMessage.MaxResultBytes : 0);

    /// <summary>Makes them for a process of a user.</summary>
    /// <exception cref="IOException">There is not so much memory.</exception>
    public static SharedRings Create(int slots, bool withResults, uint user) =>
        new(SharedMemory.Create(BytesFor(slots, withResults), user, "yzc-rings"), withResults);

    /// <summary>Opens those that another process made; the file is this object's, also where this throws.</summary>
    /// <exception cref="IOException">The memory is shorter than that, or not sealed.</exception>
    public static SharedRings Open(SafeFileHandle file, int slots, bool withResults) =>
        new(SharedMemory.Open(file, BytesFor(slots, withResults)), withResults);

    public void Dispose()
    {
        ToProducer.Close(asksForWaking: false);
        ToDetector.Close(asksForWaking: true);
        memory.Close();
    }
}
