using YoloZeroCopy.Cuda;
using YoloZeroCopy.Cuda.Tests;
using YoloZeroCopy.Interop;

namespace YoloZeroCopy.Tests;

/// <summary>Compiling, timing, keeping and running convolutions, over the stand-ins for driver and cuDNN.</summary>
[Collection(CudaTests.Name)]
public sealed class CudnnPlansTests(CompiledSources sources) : IDisposable
{
    private readonly ModelFolder folder = new();

    /// <summary>Kinds of convolution, with views into wider buffers.</summary>
    private static readonly ConvolutionShape[] Shapes =
    [
        Shape(batch: 1, channels: 8, side: 6, outputs: 16, kernel: 3),
        Shape(batch: 3, channels: 16, side: 7, outputs: 8, kernel: 1) with { Activation = LayerActivation.None },
        Shape(batch: 2, channels: 4, side: 8, outputs: 8, kernel: 3, stride: 2),
        Shape(batch: 2, channels: 4, side: 12, outputs: 8, kernel: 6, stride: 2, padding: 2),
        Shape(batch: 2, channels: 8, side: 5, outputs: 8, kernel: 3) with { AddedStep = 24 },
        Shape(batch: 1, channels: 8, side: 4, outputs: 8, kernel: 3) with
        {
            Input = new ConvolutionTensor(8, 4, 4, 32), Output = new ConvolutionTensor(8, 4, 4, 16), AddedStep = 8, Activation = LayerActivation.None,
        },
    ];

    public static TheoryData<int> ShapeNumbers => [.. Enumerable.Range(0, Shapes.Length)];

    public void Dispose() => folder.Dispose();

    [Theory]
    [MemberData(nameof(ShapeNumbers))]
    public unsafe void A_plan_computes_convolution_bias_activation_and_sum(int number)
    {
        ConvolutionShape shape = Shapes[number];
        DriverDouble driver = new(sources);
        CudnnDouble cudnn = new(sources);
        using (CudaContext context = driver.OpenContext())
        using (CudaStream stream = new(context))
        using (CudnnPlans plans = Make(cudnn, context, [shape]))
        using (CudnnHandle handle = new(cudnn.Library.Api))
        {
            handle.SetStream(stream.Handle.Value);
            Random random = new(number);
            using AlignedBuffer<Half> input = Filled((int)(shape.InputBytes / 2), random);
            using AlignedBuffer<Half> weights = Filled((int)(shape.WeightBytes / 2), random);
            using AlignedBuffer<Half> bias = Filled(shape.Output.Channels, random);
            using AlignedBuffer<Half> added = Filled((int)(shape.OutputBytes / 2), random);
            using AlignedBuffer<Half> output = new((int)(shape.OutputBytes / 2));
            using AlignedBuffer<byte> workspace = new(4096);
            using CudnnDescriptor tensors = plans[shape].Bind(
                (ulong)input.Address, (ulong)weights.Address, (ulong)bias.Address, (ulong)output.Address, (ulong)added.Address,
                (ulong)workspace.Address);
            plans[shape].Execute(handle, tensors);
            AssertEqual(shape, input.Span, weights.Span, bias.Span, added.Span, output.Span);
        }

        Assert.Equal(0, cudnn.Live);
        driver.AssertClean();
    }

    [Fact]
    public void Equal_shapes_are_compiled_once_and_what_is_not_fastest_goes()
    {
        DriverDouble driver = new(sources);
        CudnnDouble cudnn = new(sources);
        using (CudaContext context = driver.OpenContext())
        {
            using CudnnPlans plans = Make(cudnn, context, [.. Shapes, .. Shapes]);

            // One way each, and a second of the one that takes longest in the smallest batch and of that in the largest.
            Assert.Equal(Shapes.Length + 2, cudnn.Get("compiled"));
            Assert.Equal(Shapes.Length, cudnn.Get("descriptors"));
            Assert.Equal(0, cudnn.Get("handles"));
        }

        Assert.Equal(0, cudnn.Live);
        driver.AssertClean();
    }

    [Fact]
    public void Another_opening_reads_what_the_first_one_kept_and_compiles_what_is_damaged()
    {
        DriverDouble driver = new(sources);
        CudnnDouble cudnn = new(sources);
        using CudaContext context = driver.OpenContext();
        EngineCache cache = EngineCache.TryOpen(folder.Path, "version and device")!;
        Make(cudnn, context, Shapes, cache).Dispose();
        Assert.Equal(Shapes.Length, Directory.GetFiles(folder.Path).Length);
        long compiled = cudnn.Get("compiled");

        Make(cudnn, context, Shapes, cache).Dispose();
        Assert.Equal((compiled, Shapes.Length), (cudnn.Get("compiled"), cudnn.Get("stored")));

        // Cut, changed, empty, and what cuDNN itself does not take.
        string[] files = Directory.GetFiles(folder.Path);
        File.WriteAllBytes(files[0], File.ReadAllBytes(files[0])[..^1]);
        byte[] changed = File.ReadAllBytes(files[1]);
        changed[^1] ^= 1;
        File.WriteAllBytes(files[1], changed);
        File.WriteAllBytes(files[2], []);
        Make(cudnn, context, Shapes, cache).Dispose();
        Assert.InRange(cudnn.Get("compiled"), compiled + 3, compiled + 5);
        long before = cudnn.Get("compiled");
        foreach (ConvolutionShape shape in Shapes)
        {
            cache.TryWrite(shape.ToString(), "not a plan"u8);
        }

        Make(cudnn, context, Shapes, cache).Dispose();
        Assert.Equal(before + compiled, cudnn.Get("compiled"));

        // Of another device or version it is another part.
        Make(cudnn, context, Shapes, EngineCache.TryOpen(folder.Path, "another")).Dispose();
        Assert.Equal(before + (2 * compiled), cudnn.Get("compiled"));
        Assert.Equal(0, cudnn.Live);
    }

    [Theory]
    [InlineData("cudnnCreate")]
    [InlineData("cudnnSetStream")]
    [InlineData("cudnnBackendCreateDescriptor")]
    [InlineData("cudnnBackendSetAttribute")]
    [InlineData("cudnnBackendFinalize")]
    [InlineData("cudnnBackendGetAttribute")]
    [InlineData("cudnnBackendExecute")]
    public void Whatever_fails_nothing_is_lost(string function)
    {
        DriverDouble driver = new(sources);
        CudnnDouble cudnn = new(sources);
        using (CudaContext context = driver.OpenContext())
        {
            int failed = 0;
            for (int nth = 1; nth <= 60; nth++)
            {
                cudnn.Fail(function, nth);
                try
                {
                    Make(cudnn, context, Shapes[4..5]).Dispose();
                }
                catch (InferenceException error)
                {
                    failed++;
                    Assert.Contains("cuDNN", error.Message, StringComparison.Ordinal);
                    Assert.Contains("as the test ordered", error.Message, StringComparison.Ordinal);
                }

                cudnn.Fail(function, 0);
                Assert.Equal(0, cudnn.Live);
            }

            // A way that cannot be built or run is left out, where there are others.
            Assert.Equal(function == "cudnnBackendExecute", failed == 0);
        }

        driver.AssertClean();
    }

    [Fact]
    public void A_convolution_that_cannot_be_compiled_says_why()
    {
        DriverDouble driver = new(sources);
        CudnnDouble cudnn = new(sources);
        using CudaContext context = driver.OpenContext();
        cudnn.Set("configs", 0);
        InferenceException error = Assert.Throws<InferenceException>(() => Make(cudnn, context, Shapes[..1]));
        Assert.Contains("proposes nothing", error.Message, StringComparison.Ordinal);
        Assert.Equal(0, cudnn.Live);
    }

    [Fact]
    public void Cancelled_at_any_part_it_frees_everything()
    {
        DriverDouble driver = new(sources);
        CudnnDouble cudnn = new(sources);
        using (CudaContext context = driver.OpenContext())
        {
            // With the second way of two.
            int parts = Shapes.Length + 2;
            for (int part = 0; part <= parts; part++)
            {
                Assert.Throws<OperationCanceledException>(() => Make(cudnn, context, Shapes, cache: null, (done, total) =>
                {
                    Assert.Equal(parts, total);
                    if (done == part)
                    {
                        throw new OperationCanceledException();
                    }
                }));
                Assert.Equal(0, cudnn.Live);
            }
        }

        driver.AssertClean();
    }

    [Fact]
    public void A_library_of_another_version_is_refused()
    {
        CudnnDouble cudnn = new(sources);
        cudnn.Set("version", 80907);
        NativeLibraryException error = Assert.Throws<NativeLibraryException>(() => cudnn.Library);
        Assert.Contains("version 80907", error.Message, StringComparison.Ordinal);
        cudnn.Set("version", 91900);
        Assert.Equal("9.19.0", cudnn.Library.Version);
    }

    [Fact]
    public void A_library_that_is_not_there_names_every_place()
    {
        CudnnSearch nowhere = new() { ApplicationDirectory = folder.Path, UseSystem = false };
        NativeLibraryException error = Assert.Throws<NativeLibraryException>(() => CudnnLibrary.Load(nowhere));
        Assert.Contains(folder.File(CudnnSearch.FileNames[0]), error.Message, StringComparison.Ordinal);
        Assert.Contains("YZC_CUDNN", error.Message, StringComparison.Ordinal);

        // One that is there and is none is told as that.
        File.WriteAllText(folder.File(CudnnSearch.FileNames[0]), "no library");
        error = Assert.Throws<NativeLibraryException>(() => CudnnLibrary.Load(nowhere));
        Assert.Contains("cannot be loaded; it is damaged", error.Message, StringComparison.Ordinal);
    }

    private static ConvolutionShape Shape(int batch, int channels, int side, int outputs, int kernel, int stride = 1, int? padding = null)
    {
        int before = padding ?? kernel / 2;
        int size = ((side + (2 * before) - kernel) / stride) + 1;
        return new ConvolutionShape(
            batch, new ConvolutionTensor(channels, side, side, channels), new ConvolutionTensor(outputs, size, size, outputs), (kernel, kernel),
            (stride, stride), (before, before), (before, before), LayerActivation.Silu, AddedStep: 0);
    }

    private static CudnnPlans Make(
        CudnnDouble cudnn, CudaContext context, ConvolutionShape[] shapes, EngineCache? cache = null, Action<int, int>? onProgress = null)
    {
        (int, int) batches = (shapes.Min(static shape => shape.Batch), shapes.Max(static shape => shape.Batch));
        CudnnPlans plans = new(cudnn.Library, context, batches, cache);
        plans.Compile(shapes, CudnnEffort.InFront, onProgress ?? (static (_, _) => { }));
        return plans;
    }

    private static AlignedBuffer<Half> Filled(int count, Random random)
    {
        AlignedBuffer<Half> buffer = new(count);
        foreach (ref Half value in buffer.Span)
        {
            value = (Half)((random.NextSingle() * 2) - 1);
        }

        return buffer;
    }

    private static void AssertEqual(
        ConvolutionShape shape, Span<Half> input, Span<Half> weights, Span<Half> bias, Span<Half> added, Span<Half> output)
    {
        int compared = 0;
        for (int at = 0; at < shape.Batch * shape.Output.Height * shape.Output.Width; at++)
        {
            int picture = at / (shape.Output.Height * shape.Output.Width);
            int row = at / shape.Output.Width % shape.Output.Height;
            int column = at % shape.Output.Width;
            for (int channel = 0; channel < shape.Output.Channels; channel++)
            {
                float sum = (float)bias[channel];
                for (int y = 0; y < shape.Kernel.Height; y++)
                {
                    for (int x = 0; x < shape.Kernel.Width; x++)
                    {
                        int inputRow = (row * shape.Stride.Down) - shape.Before.Top + y;
                        int inputColumn = (column * shape.Stride.Right) - shape.Before.Left + x;
                        if ((uint)inputRow < (uint)shape.Input.Height && (uint)inputColumn < (uint)shape.Input.Width)
                        {
                            int cell = ((picture * shape.Input.Height) + inputRow) * shape.Input.Width + inputColumn;
                            int weight = ((channel * shape.Kernel.Height) + y) * shape.Kernel.Width + x;
                            for (int c = 0; c < shape.Input.Channels; c++)
                            {
                                sum += (float)input[(cell * shape.Input.Step) + c] * (float)weights[(weight * shape.Input.Channels) + c];
                            }
                        }
                    }
                }

                sum = shape.Activation == LayerActivation.Silu ? sum / (1 + MathF.Exp(-sum)) : sum;
                sum += shape.AddedStep == 0 ? 0 : (float)added[(at * shape.AddedStep) + channel];
                Assert.Equal(sum, (float)output[(at * shape.Output.Step) + channel], 0.002f * Math.Max(1, Math.Abs(sum)));
                compared++;
            }
        }

        Assert.True(compared > 0);
    }
}
