using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Xml.Linq;
using YoloZeroCopy.Cli.Interop;
using YoloZeroCopy.Cuda;

namespace YoloZeroCopy.Cli.Tests;

/// <summary>The CUDA side of <c>yzc bench</c> on the stand-in driver: nothing is fast there, but every call must be one that a driver takes, and
/// every figure must arrive.</summary>
public sealed class BenchCudaTests
{
    private static readonly FrameFormat Format = new(PixelFormat.Bgr24, 64, 48);

    private static readonly BenchSettings Small = new()
    {
        Model = "fake.onnx",
        Format = Format,
        Detector = new DetectorOptions { MaxBatch = 2, Lanes = 2, SlotBytes = Format.ByteCount },
        Time = TimeSpan.FromSeconds(0.1),
        Quick = true,
    };

    [Fact]
    public async Task Every_section_is_measured_and_written()
    {
        Assert.SkipUnless(StandInDriver.IsThere(out string why), why);
        string picture = Path.Combine(Path.GetTempPath(), $"yzc-timeline-{Environment.ProcessId}.svg");
        BenchSettings settings = new()
        {
            Model = "fake.onnx",
            Format = Format,
            Detector = new DetectorOptions { MaxBatch = 2, MaxBatchDelay = EndToEndBenchmark.FillDelay, Lanes = 2, SlotBytes = Format.ByteCount },
            Time = TimeSpan.FromSeconds(0.2),
            SingleFrames = 20,
            Ordinary = true,
            Producers = 2,
            External = true,
            Soak = TimeSpan.FromSeconds(1.2),
            Profile = true,
            DeviceMemory = true,
            Timeline = picture,
            Quick = true,
        };
        try
        {
            BenchReport report;
            await using (YoloDetector detector = FakeCudaDetector.Open(settings.Detector))
            {
                using BenchDevice device = BenchDevice.Open(detector, Device.Cuda())!;
                report = await BenchRun.MeasureAsync(detector, device, settings, CancellationToken.None);
            }

            await using (
                YoloDetector detector = FakeCudaDetector.Open(settings.Detector with { MaxBatch = 1, Lanes = 1, MaxBatchDelay = TimeSpan.Zero }))
            {
                using BenchDevice device = BenchDevice.Open(detector, Device.Cuda())!;
                SingleSection single = await CudaParts.SingleAsync(detector, device, settings, CancellationToken.None);
                report = report with { SingleLatency = single.Result, Sections = [.. report.Sections, single] };
            }

            Check(report);
            XDocument svg = XDocument.Load(picture);
            Assert.Equal("svg", svg.Root!.Name.LocalName);
        }
        finally
        {
            File.Delete(picture);
        }

        Assert.Equal(0, CudaDriver.FinalizerReleases);
        Assert.Equal(0, CudaDriver.FailedReleases);
        Assert.Equal("", StandInDriver.Misuse());
    }

    [Fact]
    public async Task Every_transfer_mode_is_measured_with_every_format_and_what_the_device_lacks_is_told()
    {
        Assert.SkipUnless(StandInDriver.IsThere(out string why), why);
        BenchSettings settings = Small;
        TransferSection section = await new TransferBenchmark(FakeCudaDetector.Open, settings).RunAsync([(64, 48)], CancellationToken.None);
        string[] modes = ["page-locked", "registered", "write-combined", "mapped", "managed", "pageable"];
        Assert.Equal(
            ((string[])["bgr24", "nv12", "bayerrggb8"]).SelectMany(format => modes.Select(mode => $"{format} {mode}")),
            section.Rows.Select(static row => $"{row.PixelFormat} {row.Mode}"));
        Assert.All(section.Rows, static row =>
        {
            Assert.Null(row.Problem);
            Assert.True(row.Fps > 0 && row.LoneP50 > 0 && row.LoneP99 >= row.LoneP50 && row.CpuMicroseconds > 0 && row.TakeMilliseconds > 0,
                row.Text());
        });
        StandInDriver.Set("no_concurrent_access", 1);
        try
        {
            section = await new TransferBenchmark(FakeCudaDetector.Open, settings).RunAsync([(64, 48)], CancellationToken.None);
        }
        finally
        {
            StandInDriver.Set("no_concurrent_access", 0);
        }

        Assert.Equal(3, section.Rows.Count(static row => row.Problem is not null));
        using JsonDocument document = Written(section);
        JsonElement rows = document.RootElement.GetProperty("transfer_modes");
        Assert.Equal(18, rows.GetArrayLength());
        Assert.Equal(9216, rows[0].GetProperty("frame_bytes").GetInt32());
        Assert.Contains("CONCURRENT_MANAGED_ACCESS", rows[4].GetProperty("problem").GetString(), StringComparison.Ordinal);
        Assert.Contains("  64x48 nv12 mapped", section.Lines().Select(static line => line.Name));
        Assert.Equal("", StandInDriver.Misuse());
    }

    [Fact]
    public async Task Preprocessing_by_NPP_is_measured_beside_the_kernel_and_its_absence_or_refusal_is_told()
    {
        Assert.SkipUnless(StandInDriver.IsThere(out string why), why);
        string folder = Directory.CreateTempSubdirectory("yzc-npp-").FullName;
        try
        {
            BenchSettings settings = Small;
            await using YoloDetector detector = FakeCudaDetector.Open(settings.Detector);
            using BenchDevice device = BenchDevice.Open(detector, Device.Cuda())!;
            Environment.SetEnvironmentVariable(Npp.VariableName, folder);
            NppSection none = CudaParts.Npp(detector, device, settings, CancellationToken.None);
            Assert.Empty(none.Rows);
            Assert.Contains("NPP was not found", none.Problem, StringComparison.Ordinal);
            foreach (string name in (string[])["nppig", "nppicc", "nppidei"])
            {
                Assert.True(StandInDriver.IsCompiled("native/tests/npp_double/npp_double.c", Path.Combine(folder, $"lib{name}.so.13")));
            }

            NppSection section = CudaParts.Npp(detector, device, settings, CancellationToken.None);
            Assert.Null(section.Problem);
            Assert.Equal(["bgr24", "nv12", "bayerrggb8"], section.Rows.Select(static row => row.PixelFormat));
            Assert.Equal([3, 4, 4], section.Rows.Select(static row => row.Functions));
            Assert.All(section.Rows,
                static row => Assert.True(row.Npp.Host > 0 && row.Kernel.Host > 0 && row.NppInGraph > 0 && row.KernelInGraph > 0));

            // The stand-in's arithmetic is right for colours and sizes, and rounds in other places; its Bayer patterns are not.
            Assert.All(section.Rows.Take(2), static row => Assert.InRange(row.MostDifference, 0, 3));
            Assert.InRange(section.Rows[0].MeanDifference, 0, 0.6);
            Assert.True(section.Rows[2].MostDifference > 0);
            using JsonDocument document = Written(section);
            Assert.Equal(3, document.RootElement.GetProperty("npp").GetProperty("rows").GetArrayLength());
            Assert.Equal("NPP, 64x48 bgr24", section.Lines().First().Name);
            Refuse(Path.Combine(folder, "libnppidei.so.13"), -6);
            NppSection refused = CudaParts.Npp(detector, device, settings, CancellationToken.None);
            Assert.Contains("NPP refused scaling to single precision: status -6", refused.Problem, StringComparison.Ordinal);
        }
        finally
        {
            Environment.SetEnvironmentVariable(Npp.VariableName, null);
            Directory.Delete(folder, recursive: true);
        }

        Assert.Equal("", StandInDriver.Misuse());

        static unsafe void Refuse(string library, int status) =>
            ((delegate* unmanaged<int, void>)NativeLibrary.GetExport(NativeLibrary.Load(library), "yzc_npp_refuse"))(status);
    }

    [Fact]
    public async Task Layers_of_the_engine_on_cuDNN_are_profiled_one_by_one()
    {
        Assert.SkipUnless(StandInDriver.IsThere(out string why), why);
        DetectorOptions options = new()
        {
            Device = Device.Cuda(),
            Lanes = 1,
            MaxBatch = 2,
            InputSize = (32, 32),
            SlotBytes = Format.ByteCount,
            MemoryMargin = 0,
            CudnnPath = StandInDriver.Cudnn,
            EngineCacheFolder = "",
        };
        BenchSettings settings = new()
        {
            Model = SampleAssets.Model,
            Format = Format,
            Detector = options,
            Time = TimeSpan.FromSeconds(0.1),
            Quick = true,
        };
        await using (YoloDetector detector = YoloDetector.Open(settings.Model, options))
        {
            using BenchDevice device = BenchDevice.Open(detector, options.Device)!;
            ProfileSection profile = CudaParts.Profile(detector, device, settings, batch: 2, CancellationToken.None);

            // Three pools in a row are one launch.
            Assert.Equal(66, profile.Layers.Count);
            Assert.Equal("stem, 3 to 16 channels, 16x16", $"{profile.Layers[0].Kind}, {profile.Layers[0].Size}");
            Assert.Equal(
                ["best logits", "convolution 1x1", "convolution 3x3", "decoding", "pooling", "stem", "suppression", "upsampling"],
                profile.Classes.Select(static one => one.Name).Order(StringComparer.Ordinal));
            Assert.Contains(profile.Lines(), static line => line.Name == "  longest layer");
        }

        Assert.Equal("", StandInDriver.Misuse());
    }

    [Fact]
    public async Task Videos_are_measured_with_every_number_of_streams()
    {
        Assert.SkipUnless(StandInDriver.IsThere(out string why), why);
        BenchSettings settings = Small with { Time = TimeSpan.FromSeconds(0.2), Streams = [1, 3] };

        // A sequence of 64x48 with 4 surfaces, and pictures, in the stand-in's own language.
        byte[] headers = [(byte)'S', 64, 0, 48, 0, 0, 0, 0, 0, 64, 0, 48, 0, 8, 1, 4, 0, 0, 1];
        byte[] picture = [(byte)'P', 0, 7, 2];
        ElementaryStream clip = new("stand-in.h264", VideoCodec.H264, [(byte[])[.. headers, .. picture], picture, picture]);
        await using (YoloDetector detector = FakeCudaDetector.Open(settings.Detector))
        {
            using BenchDevice device = BenchDevice.Open(detector, Device.Cuda())!;
            VideoSection section = await VideoBenchmark.RunAsync(detector, device, clip, settings, engineFps: 1000, CancellationToken.None);
            Assert.Equal([1, 3], section.Rates.Select(static rate => rate.Streams));
            Assert.All(section.Rates, static rate =>
            {
                Assert.True(rate.Decoded.Fps > 0);
                Assert.True(rate.Detected.Fps > 0);
                Assert.True(rate.Detected.Latency.Count > 0);
                Assert.Equal(0, rate.Detected.HostCopies);
            });
            Assert.Equal("video", section.Lines().First().Name);
            using JsonDocument document = Written(section);
            JsonElement rates = document.RootElement.GetProperty("video stand-in.h264").GetProperty("rates");
            Assert.Equal(2, rates.GetArrayLength());
            Assert.True(rates[1].GetProperty("ratio").GetDouble() > 0);
        }

        Assert.Equal("", StandInDriver.Misuse());
    }

    [Fact]
    public async Task Jpegs_are_measured_with_every_way_to_decode_them()
    {
        Assert.SkipUnless(StandInDriver.IsThere(out string why), why);
        BenchSettings settings = Small with { Time = TimeSpan.FromSeconds(0.2), Streams = [2] };
        byte[] jpeg = PictureFile.EncodeJpeg(new byte[Format.ByteCount], Format);
        ElementaryStream clip = new("stand-in.mjpeg", VideoCodec.Mjpeg, [jpeg]);
        await using (YoloDetector detector = FakeCudaDetector.Open(settings.Detector))
        {
            using BenchDevice device = BenchDevice.Open(detector, Device.Cuda())!;
            VideoSection section = await VideoBenchmark.RunAsync(detector, device, clip, settings, engineFps: 1000, CancellationToken.None);
            VideoRate rate = Assert.Single(section.Rates);
            Assert.True(rate.Decoded.Fps > 0);
            Assert.True(rate.Detected.Latency.Count > 0);
            Assert.Equal(0, rate.Detected.HostCopies);
            Assert.Equal(
                ["decoded_by_processor", "decoded_by_multiprocessors", "decoded_by_engine", "decoded_by_libjpeg", "detected_by_libjpeg"],
                rate.Others.Select(static other => other.Name));
            Assert.All(rate.Others, static other => Assert.True(other.Slice.Fps > 0, other.Name));
            Assert.Contains(section.Lines(), static line => line.Name == "2 streams, detected by libjpeg");
        }

        Assert.Equal("", StandInDriver.Misuse());
    }

    private static void Check(BenchReport report)
    {
        using JsonDocument json = JsonDocument.Parse(report.ToJson());
        JsonElement root = json.RootElement;
        Assert.True(root.GetProperty("engine_only_fps").GetDouble() > 0);
        Assert.True(root.GetProperty("end_to_end_fps").GetDouble() > 0);
        Assert.Equal(0, root.GetProperty("cuda").GetProperty("device_bytes_per_frame").GetDouble());
        Assert.Equal("block", root.GetProperty("cuda").GetProperty("wait").GetString());
        JsonElement link = root.GetProperty("link");
        Assert.All(
            ["upload_gb_s", "upload_beside_engine_gb_s", "upload_end_to_end_gb_s", "pct_of_link"],
            name => Assert.True(link.GetProperty(name).GetDouble() > 0, name));
        JsonElement kernels = root.GetProperty("kernels");
        Assert.Equal(
            (FakeCudaEngine.Anchors, FakeCudaEngine.Classes), (kernels.GetProperty("anchors").GetInt32(), kernels.GetProperty("classes").GetInt32()));
        Assert.All(["batch1", "batch8"], name => Assert.True(kernels.GetProperty(name).TryGetProperty("preprocess_us", out _)));
        Assert.True(root.GetProperty("ordinary").GetProperty("fps").GetDouble() > 0);
        Assert.Equal(2, root.GetProperty("producers").GetProperty("threads").GetInt32());
        Assert.True(root.GetProperty("producers").GetProperty("fps").GetDouble() > 0);

        // Not in gigabytes: a frame of this test, copied once by a thread that seldom runs, is 0.000 of them.
        Assert.True(root.GetProperty("producers").GetProperty("memcpy_fps").GetDouble() > 0);
        JsonElement external = root.GetProperty("external");
        Assert.All(["slots_fps", "registered_fps", "device_fps"], name => Assert.True(external.GetProperty(name).GetDouble() > 0, name));
        JsonElement profile = root.GetProperty("profile");
        Assert.Equal(
            ["preprocessing", "convolution and matrix product", "concatenation and copy", "memory fill", "decoding", "suppression"],
            profile.GetProperty("classes").EnumerateArray().Select(static one => one.GetProperty("name").GetString()));
        Assert.Equal(
            [
                ("sm90_xmma_fprop_implicit_gemm_f16", 0.2, 0.8), ("_ZN11onnxruntime4cuda6ConcatE", 0.1, 0.4), ("memory fill", 0.1, 0.1),
                ("memory copy", 0.1, 0.05),
            ],
            profile.GetProperty("kernels").EnumerateArray().Select(static one =>
                (one.GetProperty("name").GetString(), one.GetProperty("launches").GetDouble(), one.GetProperty("us").GetDouble())));
        JsonElement memory = root.GetProperty("device_memory");
        Assert.Equal(
            ["cuMemAlloc, cuMemFree", "cuMemAllocAsync", "cuMemAllocAsync that keeps", "block pool"],
            memory.GetProperty("rows").EnumerateArray().Select(static one => one.GetProperty("by").GetString()));
        Assert.All(memory.GetProperty("rows").EnumerateArray(), static one => Assert.True(one.GetProperty("total_ms").GetDouble() > 0));

        // Three tensors of 1 + 2 x 50 frames, all from what was reserved.
        Assert.Equal((303, 0), (memory.GetProperty("pool_hits").GetInt64(), memory.GetProperty("pool_misses").GetInt64()));
        JsonElement soak = root.GetProperty("soak");
        Assert.All(["lost", "failed", "dropped", "slots_in_use_at_end"], name => Assert.Equal(0, soak.GetProperty(name).GetInt64()));
        Assert.True(soak.GetProperty("frames").GetInt64() > 0);
        Assert.Equal(soak.GetProperty("frames").GetInt64(), soak.GetProperty("submitted").GetInt64());
        Assert.NotEmpty(soak.GetProperty("window_fps").EnumerateArray());
        Assert.InRange(root.GetProperty("timeline").GetProperty("batches").GetInt32(), 1, 12);
        JsonElement single = root.GetProperty("single");
        Assert.Equal(20, single.GetProperty("frames").GetInt64());
        Assert.InRange(
            single.GetProperty("caller_us").GetProperty("p50").GetDouble(), 0.1, single.GetProperty("caller_us").GetProperty("max").GetDouble());
        Assert.True(single.GetProperty("ratio_to_host_sum").GetDouble() > 0);
        Assert.All(["link", "kernels, batch 8", "profile", "  suppression", "ordinary way", "soak, rate", "single, parts"], name =>
            Assert.Contains(name, report.ToLines().ToString(), StringComparison.Ordinal));
    }

    private static JsonDocument Written(IReportSection section)
    {
        using MemoryStream bytes = new();
        using (Utf8JsonWriter json = new(bytes))
        {
            json.WriteStartObject();
            section.Write(json);
            json.WriteEndObject();
        }

        return JsonDocument.Parse(bytes.ToArray());
    }
}

/// <summary>The stand-in for libcuda, compiled once and named to the library before it looks for a driver.</summary>
internal static class StandInDriver
{
    private static readonly Lazy<string> Problem = new(Build);

    public static bool IsThere(out string why)
    {
        why = Problem.Value;
        return why.Length == 0;
    }

    /// <summary>The library that plays NVML.</summary>
    public static string Nvml { get; private set; } = "";

    /// <summary>What was done wrong first; empty when nothing was.</summary>
    public static unsafe string Misuse() =>
        Marshal.PtrToStringUTF8((nint)((delegate* unmanaged<byte*>)NativeLibrary.GetExport(NativeLibrary.Load(CudaDriver.Library), "yzc_misuse"))())!;

    /// <summary>Sets what the driver is to do, or lacks.</summary>
    public static unsafe void Set(string key, long value)
    {
        nint text = Marshal.StringToCoTaskMemUTF8(key);
        ((delegate* unmanaged<nint, long, void>)NativeLibrary.GetExport(NativeLibrary.Load(CudaDriver.Library), "yzc_set"))(text, value);
        Marshal.FreeCoTaskMem(text);
    }

    /// <summary>The stand-in for cuDNN.</summary>
    public static string Cudnn { get; private set; } = "";

    private static string Build()
    {
        if (!OperatingSystem.IsLinux())
        {
            return "The stand-in driver is compiled on Linux only.";
        }

        string folder = Directory.CreateTempSubdirectory("yzc-cli-tests-").FullName;
        string driver = Path.Combine(folder, "libcuda.so");
        string video = Path.Combine(folder, "libnvcuvid.so");
        string jpeg = Path.Combine(folder, "libnvjpeg.so");
        string nvml = Path.Combine(folder, "libnvidia-ml.so");
        string profiler = Path.Combine(folder, "libcupti.so");
        Cudnn = Path.Combine(folder, "libcudnn.so.9");
        if (!IsCompiled("native/tests/cuda_double/cuda_double.c", driver) || !IsCompiled("native/tests/nvcuvid_double/nvcuvid_double.c", video)
            || !IsCompiled("native/tests/nvjpeg_double/nvjpeg_double.c", jpeg) || !IsCompiled("native/tests/nvml_double/nvml_double.c", nvml)
            || !IsCompiled("native/tests/cupti_double/cupti_double.c", profiler)
            || !IsCompiled("native/tests/cudnn_double/cudnn_double.c", Cudnn))
        {
            return "There is no C compiler for the stand-in driver.";
        }

        Environment.SetEnvironmentVariable("YZC_CUDA_DRIVER", driver);
        Environment.SetEnvironmentVariable("YZC_NVCUVID", video);
        Environment.SetEnvironmentVariable("YZC_NVJPEG", jpeg);
        Environment.SetEnvironmentVariable("YZC_NVML", nvml);
        Assert.True(CudaDriver.TryInitialize(out string reason), reason);
        Assert.True(CudaVideoDecoder.TryInitialize(out reason), reason);
        Assert.True(CudaJpegDecoder.TryInitialize(out reason), reason);
        Assert.True(CudaDeviceMonitor.TryOpen(CudaDevice.Get(0).PciBusId, out _, out reason), reason);
        UseDriver(video, driver);
        Nvml = nvml;

        // Not for the tool's own processes.
        Environment.SetEnvironmentVariable("YZC_CUDA_DRIVER", null);
        Environment.SetEnvironmentVariable("YZC_NVCUVID", null);
        Environment.SetEnvironmentVariable("YZC_NVJPEG", null);
        Environment.SetEnvironmentVariable("YZC_NVML", null);
        Environment.SetEnvironmentVariable(Cupti.VariableName, profiler);
        return "";
    }

    /// <summary>Compiles a stand-in; false where there is no compiler.</summary>
    public static bool IsCompiled(string source, string library)
    {
        string[] arguments =
        [
            "-shared", "-fPIC", "-fvisibility=hidden", "-pthread", "-O1", "-DYZC_DOUBLE_VERSION=12080", "-o", library, SampleAssets.Find(source),
            "-lm",
        ];
        foreach (string compiler in (string[])["gcc", "cc", "clang"])
        {
            try
            {
                using Process process = Process.Start(new ProcessStartInfo(compiler, arguments))!;
                process.WaitForExit();
                Assert.Equal(0, process.ExitCode);
                return true;
            }
            catch (System.ComponentModel.Win32Exception)
            {
            }
        }

        return false;
    }

    private static unsafe void UseDriver(string video, string driver)
    {
        nint path = Marshal.StringToCoTaskMemUTF8(driver);
        nint use = NativeLibrary.GetExport(NativeLibrary.Load(video), "yzc_use_driver");
        Assert.Equal(1, ((delegate* unmanaged<nint, int>)use)(path));
        Marshal.FreeCoTaskMem(path);
    }
}
