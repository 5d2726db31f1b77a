using System.Globalization;
using System.Diagnostics;
using System.Text.Json;

namespace YoloZeroCopy.Cli;

/// <summary>How it is done ordinarily, with the same parts: a frame in a managed array, letterboxed by the processor, copied from pageable memory,
/// waited for, copied back whole, suppressed by the processor; one frame at a time.</summary>
internal static unsafe class OrdinaryBenchmark
{
    public static OrdinarySection Run(
        BenchDevice device, InferenceEngine engine, FrameFormat format, DecodingOptions decoding, TimeSpan duration, double endToEndFps,
            CancellationToken stop) =>
        device.Thread.Run(() =>
        {
            ModelInfo model = engine.Model;
            using EngineLane lane = new(device.Context, engine, Math.Max(1, model.FixedBatch), useGraph: false);
            CpuPreprocessor preprocessor = new(model.InputWidth, model.InputHeight, model.InputType);
            DetectionDecoder decoder =
                new(model.Layout, model.OutputShape.Rows, model.OutputShape.Columns, model.ClassLimit, model.OutputType, decoding);
            Letterbox letterbox = new(format.Width, format.Height, model.InputWidth, model.InputHeight);
            byte[] frame = new byte[format.ByteCount];
            new Random(5).NextBytes(frame);
            byte[] input = new byte[preprocessor.TensorBytes];
            byte[] output = new byte[decoder.OutputBytes];
            Detection[] detections = new Detection[decoder.MaxDetections];
            long frames = 0;
            long[] marks = new long[5];
            long start = Stopwatch.GetTimestamp();
            bool warm = false;
            do
            {
                long begin = Stopwatch.GetTimestamp();
                preprocessor.Run(frame, format, input);
                long prepared = Stopwatch.GetTimestamp();
                fixed (byte* source = input)
                {
                    lane.Stream.CopyToDevice(lane.Input, source, (nuint)input.Length);
                    lane.Stream.Synchronize();
                }

                long uploaded = Stopwatch.GetTimestamp();
                lane.Launch();
                lane.Stream.Synchronize();
                long computed = Stopwatch.GetTimestamp();
                fixed (byte* target = output)
                {
                    lane.Stream.CopyToHost(target, lane.Output, (nuint)output.Length);
                    lane.Stream.Synchronize();
                }

                long downloaded = Stopwatch.GetTimestamp();
                _ = decoder.Decode(output, letterbox, detections);
                long decoded = Stopwatch.GetTimestamp();
                if (!warm)
                {
                    // Tables, code and staging memory are made for the first frame.
                    warm = true;
                    start = decoded;
                    continue;
                }

                frames++;
                marks[0] += prepared - begin;
                marks[1] += uploaded - prepared;
                marks[2] += computed - uploaded;
                marks[3] += downloaded - computed;
                marks[4] += decoded - downloaded;
            }
            while (frames == 0 || (Stopwatch.GetElapsedTime(start) < duration && !stop.IsCancellationRequested));

            double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
            double[] stages = Array.ConvertAll(marks, ticks => Stopwatch.GetElapsedTime(0, ticks).TotalMicroseconds / frames);
            return new OrdinarySection(frames / seconds, endToEndFps, stages[0], stages[1], stages[2], stages[3], stages[4]);
        });
}

/// <summary>What the ordinary way reaches, and microseconds of its stages.</summary>
internal sealed record OrdinarySection(
    double Fps, double EndToEndFps, double Preprocess, double Upload, double Inference, double Download, double Decode) : IReportSection
{
    public double Ratio => Statistics.Ratio(EndToEndFps, Fps);

    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject("ordinary"u8);
        json.WriteNumber("fps"u8, Math.Round(Fps, 2));
        json.WriteNumber("end_to_end_over_ordinary"u8, Math.Round(Ratio, 2));
        json.WriteNumber("preprocess_us"u8, Math.Round(Preprocess, 1));
        json.WriteNumber("upload_us"u8, Math.Round(Upload, 1));
        json.WriteNumber("inference_us"u8, Math.Round(Inference, 1));
        json.WriteNumber("download_us"u8, Math.Round(Download, 1));
        json.WriteNumber("decode_us"u8, Math.Round(Decode, 1));
        json.WriteEndObject();
    }

    public IEnumerable<(string Name, string Text)> Lines()
    {
        yield return ("ordinary way", string.Create(
            CultureInfo.InvariantCulture,
            $"{Fps:F1} frames/s, end to end is {Ratio:F1} x; letterbox {Preprocess:F0}, upload {Upload:F0}, engine {Inference:F0}, "
            + $"download {Download:F0}, decode {Decode:F0} us"));
    }
}
