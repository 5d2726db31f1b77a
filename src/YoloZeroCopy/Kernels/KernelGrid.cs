namespace YoloZeroCopy;

/// <summary>Geometry of a launch: blocks in three dimensions and threads of a block, which are one-dimensional. No kernel needs dynamic shared
/// memory.</summary>
internal readonly record struct KernelGrid(int X, int Y, int Z, int Threads);
