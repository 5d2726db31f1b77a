using System.Globalization;
using System.Text.RegularExpressions;

namespace YoloZeroCopy.Cli.Tests;

/// <summary>The times of an opening's steps, as `yzc info` shows them.</summary>
public class OpeningTimesTests
{
    [Fact]
    public void Each_step_has_its_time_in_their_order_and_they_add_up()
    {
        OpeningTimes times = new();
        times.Report(new OpeningProgress(OpeningStep.ReadModel, 0, 1));
        times.Report(new OpeningProgress(OpeningStep.ReadModel, 1, 1));
        times.Report(new OpeningProgress(OpeningStep.LoadEngine, 0, 1));
        times.Report(new OpeningProgress(OpeningStep.CompileKernels, 0, 3));
        times.Report(new OpeningProgress(OpeningStep.CompileKernels, 2, 3));
        times.Report(new OpeningProgress(OpeningStep.PrepareLanes, 0, 2));
        times.End();
        const string Number = @"([\d.]+)";
        Match match = Regex.Match(
            times.ToString(),
            $"^{Number} s: reading the model {Number}, loading the engine {Number}, compiling kernels {Number}, preparing lanes {Number}$");
        Assert.True(match.Success, times.ToString());
        double[] seconds = [.. match.Groups.Values.Skip(1).Select(static group => double.Parse(group.Value, CultureInfo.InvariantCulture))];
        Assert.Equal(seconds[0], seconds[1..].Sum(), 0.03);
    }
}
