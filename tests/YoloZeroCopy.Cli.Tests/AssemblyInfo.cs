using Xunit.Sdk;
using Xunit.v3;

// Every process that these tests start takes all cores: one at a time, so that limits mean something.
[assembly: Parallelization(Mode = ParallelMode.None)]
