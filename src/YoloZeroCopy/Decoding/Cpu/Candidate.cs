namespace YoloZeroCopy;

/// <summary>An anchor whose score is above the threshold. The box is in pixels of the model's input.</summary>
internal readonly record struct Candidate(int ClassId, float Score, float X1, float Y1, float X2, float Y2);
