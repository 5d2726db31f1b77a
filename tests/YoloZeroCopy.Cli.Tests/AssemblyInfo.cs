// Every process that these tests start takes all cores: one at a time, so that limits mean something.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
