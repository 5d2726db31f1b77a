using System.Globalization;
using YoloZeroCopy.Cuda;

namespace YoloZeroCopy.Gpu.Tests;

/// <summary>
/// TensorRT on a CUDA device. Engines run on the double of TensorRT, whose plans wrap an ONNX model that ONNX Runtime computes on the stream it is
/// given; the real lean runtimes are opened and refuse what they should. What is absent of shims, double and runtimes is skipped.
/// </summary>
public sealed class GpuTensorRtTests : IDisposable
{
    private readonly ModelFolder folder = new();

    public void Dispose() => folder.Dispose();

    [GpuTheory]
    [InlineData(10, 1)]
    [InlineData(10, 8)]
    [InlineData(11, 1)]
    [InlineData(11, 8)]
    public async Task An_engine_gives_the_detections_of_its_onnx_model(int major, int batch)
    {
        string library = TensorRtAssets.Double(major, onProcessor: false);
        string engine = Engine(library, "images=1x3x640x640:8x3x640x640:8x3x640x640");
        TestPicture[] pictures = TestData.ReadPictures();
        Detection[][] wanted;
        await using (YoloDetector onnx = YoloDetector.Open(TestData.Model, Options(batch)))
        {
            wanted = await Feed.DetectAllAsync(onnx, pictures);
        }

        await using YoloDetector detector =
            YoloDetector.Open(engine, Options(batch) with { TensorRtPath = library, TensorRtShimPath = TensorRtAssets.Shim(major) });
        Assert.Contains("TensorRT", detector.Device, StringComparison.Ordinal);
        Assert.DoesNotContain("without CUDA graphs", detector.Device, StringComparison.Ordinal);
        Assert.Contains("washer_cracked", detector.Model.Names);
        Assert.Contains(
            detector.Memory.Entries,
            static entry => entry is { Item: MemoryItem.Activations, Evidence: MemoryEvidence.Reported, Bytes: > 0 });
        for (int round = 0; round < 3; round++)
        {
            Detection[][] found = await Feed.DetectAllAsync(detector, pictures);
            for (int index = 0; index < pictures.Length; index++)
            {
                // As between GPU and processor: half a pixel of a picture six times as large as the model's input.
                _ = Same.Check($"{pictures[index].Name} against ONNX", wanted[index], found[index], minIou: 0.99f, maxScore: 0.002f, maxBox: 0.5f);
                _ = Same.Check(
                    $"{pictures[index].Name} against the reference", pictures[index].Reference, found[index], minIou: 0.98f, maxScore: 0.01f);
            }
        }

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {detector.Device}"));
    }

    [GpuTheory]
    [InlineData(320, 1)]
    [InlineData(640, 2)]
    [InlineData(1000, 3)]
    public async Task Of_three_sizes_the_smallest_that_fits_is_run(int size, int profile)
    {
        string library = TensorRtAssets.Double(11, onProcessor: false);
        string engine = Engine(
            library, "images=1x3x320x320:4x3x320x320:4x3x320x320", "images=1x3x640x640:4x3x640x640:4x3x640x640",
            "images=1x3x1280x1280:2x3x1280x1280:2x3x1280x1280");
        await using YoloDetector detector = YoloDetector.Open(
            engine, Options(2) with { InputSize = (size, size), TensorRtPath = library, TensorRtShimPath = TensorRtAssets.Shim(11) });
        Assert.Contains(FormattableString.Invariant($"profile {profile} of 3"), detector.Device, StringComparison.Ordinal);
        Assert.True(detector.Model.InputWidth >= size);
        TestPicture picture = TestData.ReadPictures()[0];
        Assert.NotEmpty(await Feed.DetectAsync(detector, picture.Format, picture.Pixels));
    }

    [GpuFact]
    public void A_batch_above_the_profile_is_refused()
    {
        string library = TensorRtAssets.Double(11, onProcessor: false);
        string engine = Engine(library, "images=1x3x640x640:4x3x640x640:4x3x640x640");
        string shim = TensorRtAssets.Shim(11);
        ArgumentException error =
            Assert.Throws<ArgumentException>(() => YoloDetector.Open(engine, Options(8) with { TensorRtPath = library, TensorRtShimPath = shim }));
        Assert.Contains("takes batches up to 4", error.Message, StringComparison.Ordinal);
    }

    [GpuTheory]
    [InlineData(10)]
    [InlineData(11)]
    public void A_lean_runtime_opens_and_refuses_damaged_plans(int major)
    {
        string library = TensorRtAssets.Lean(major);
        TensorRtSearch search = new()
        {
            LibraryPath = library,
            ShimPath = TensorRtAssets.Shim(major),
            ApplicationDirectory = AppContext.BaseDirectory,
        };
        using (TensorRtLibrary opened = TensorRtLibrary.Open(search))
        {
            Assert.Contains(FormattableString.Invariant($"lean runtime {major}."), opened.Name, StringComparison.Ordinal);
            Assert.False(opened.CanBuild);
            Console.WriteLine($"  {opened.Name}");
        }

        byte[] plan = new byte[4096];
        "ftrt"u8.CopyTo(plan);
        new Random(3).NextBytes(plan.AsSpan(64));
        File.WriteAllBytes(folder.File("damaged.engine"), plan);
        using CudaContext context = CudaDevice.Get(0).OpenContext();
        ModelException error = Assert.Throws<ModelException>(
            () => TensorRtEngine.Open(folder.File("damaged.engine"), new TensorRtCudaDevice(context), new TensorRtEngineOptions { Search = search }));
        Assert.Contains("damaged.engine", error.Message, StringComparison.Ordinal);
        Console.WriteLine($"  {error.Message}");
        NotBuilt(library, major);
    }

    [GpuTheory]
    [InlineData(10, 11)]
    [InlineData(11, 10)]
    public void A_lean_runtime_of_another_major_is_refused(int shim, int library)
    {
        TensorRtSearch search = new()
        {
            LibraryPath = TensorRtAssets.Lean(library),
            ShimPath = TensorRtAssets.Shim(shim),
            ApplicationDirectory = AppContext.BaseDirectory,
        };
        NativeLibraryException error = Assert.Throws<NativeLibraryException>(() => TensorRtLibrary.Open(search));
        Assert.Contains("majors 10 and 11 are supported", error.Message, StringComparison.Ordinal);
    }

    private static DetectorOptions Options(int batch) => new()
    {
        Device = Device.Cuda(),
        InputSize = (640, 640),
        MaxBatch = batch,
        MaxBatchDelay = TimeSpan.FromSeconds(5),
        Lanes = 2,
        SlotBytes = 3840 * 2160 * 3,
        Slots = 8,
    };

    private static void NotBuilt(string library, int major)
    {
        NativeLibraryException error = Assert.Throws<NativeLibraryException>(
            () => TensorRtBuilder.Build(
                TestData.Model, "never.engine", new TensorRtBuildOptions { TensorRtPath = library, TensorRtShimPath = TensorRtAssets.Shim(major) }));
        Assert.Contains("cannot build", error.Message, StringComparison.Ordinal);
    }

    /// <summary>A plan of the double for the sample model, with the model's metadata before it as the builder writes it.</summary>
    private string Engine(string library, params string[] profiles)
    {
        string plan = TensorRtAssets.DoublePlan(
            library, TestData.Model, folder.File("bare.engine"), [.. profiles.SelectMany(static profile => (string[])["--profile", profile])]);
        string engine = folder.File("conveyor.engine");
        File.WriteAllBytes(engine, [.. TensorRtPlanFile.Prefix(OnnxFile.Read(TestData.Model).Metadata), .. File.ReadAllBytes(plan)]);
        return engine;
    }
}
