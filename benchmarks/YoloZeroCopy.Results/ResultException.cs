namespace YoloZeroCopy.Results;

/// <summary>What is wrong with the files or the document, in words for who runs this.</summary>
internal sealed class ResultException(string message) : Exception(message);
