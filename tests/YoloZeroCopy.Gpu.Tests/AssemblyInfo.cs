// One device: tests that measure its memory or load it fully must be alone on it.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
