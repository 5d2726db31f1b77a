using BenchmarkDotNet.Running;
using YoloZeroCopy.Benchmarks;

// Any benchmarks, with BenchmarkDotNet's own arguments:
//   dotnet run -c Release --project benchmarks/YoloZeroCopy.Benchmarks -- --filter '*'
// Suites, each a short run and a result file in FOLDER; files that are there stay, but with --again:
//   dotnet run -c Release --project benchmarks/YoloZeroCopy.Benchmarks -- --results FOLDER [--again] [SUITE...]
if (args is ["--results", string folder, .. string[] rest])
{
    return SuiteRun.Run(folder, [.. rest.Where(static word => word != "--again")], again: rest.Contains("--again"));
}

_ = BenchmarkSwitcher.FromAssembly(typeof(SuiteRun).Assembly).Run(args);
return 0;
