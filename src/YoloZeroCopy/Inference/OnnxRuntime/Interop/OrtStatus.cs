using System.Diagnostics.CodeAnalysis;

namespace YoloZeroCopy.Interop;

/// <summary>
/// What a call of ONNX Runtime returns: null when it worked, else an error that the caller frees, which every method here that reads it does.
/// </summary>
internal readonly unsafe struct OrtStatus
{
    private const int MaxMessageLength = 4096;

#pragma warning disable CS0649 // Only the library makes one.
    private readonly nint value;
#pragma warning restore CS0649

    public bool IsFailed => value != 0;

    /// <summary>For a callback of ours that passes it on; whoever called it frees it.</summary>
    public nint Value => value;

    /// <summary>Throws ONNX Runtime's own message and frees the status.</summary>
    public void ThrowIfFailed(OrtApi* api)
    {
        if (value != 0)
        {
            Throw(api);
        }
    }

    /// <summary>Reads the error and frees the status, which must have failed.</summary>
    public (OrtErrorCode Code, string Message) Take(OrtApi* api)
    {
        try
        {
            return (api->GetErrorCode(value), Utf8.Read(api->GetErrorMessage(value), MaxMessageLength));
        }
        finally
        {
            api->ReleaseStatus(value);
        }
    }

    [DoesNotReturn]
    private void Throw(OrtApi* api)
    {
        (OrtErrorCode code, string message) = Take(api);
        throw new InferenceException($"ONNX Runtime: {message} (code {(int)code}, {code})") { RuntimeFailure = OnnxRuntimeFailures.Of(message) };
    }
}
