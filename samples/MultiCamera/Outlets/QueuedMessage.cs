namespace MultiCamera.Outlets;

/// <summary>A message that waits for the broker.</summary>
/// <param name="Sequence">Its place in the queue; later ones have greater numbers.</param>
/// <param name="Topic">Whole topic.</param>
/// <param name="Payload">What is sent.</param>
internal readonly record struct QueuedMessage(long Sequence, string Topic, byte[] Payload);
