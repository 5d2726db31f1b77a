using Xunit.Sdk;
using Xunit.v3;

// One device: tests that measure its memory or load it fully must be alone on it.
[assembly: Parallelization(Mode = ParallelMode.None)]
