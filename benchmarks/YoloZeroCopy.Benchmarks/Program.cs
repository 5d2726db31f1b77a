using BenchmarkDotNet.Running;

// dotnet run -c Release --project benchmarks/YoloZeroCopy.Benchmarks -- --filter '*'
BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args);
