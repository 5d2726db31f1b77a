using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Text;

namespace YoloZeroCopy.Tests;

/// <summary>What stands before a plan: read, refused where it is damaged, and written.</summary>
public sealed class TensorRtPlanFileTests : IDisposable
{
    private readonly ModelFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("ftrt")]
    [InlineData("vtrt")]
    [InlineData("ptrt")]
    public void A_bare_plan_begins_at_once(string mark)
    {
        TensorRtPlanFile plan = TensorRtPlanFile.Read(Save("a.engine", [.. Encoding.ASCII.GetBytes(mark), .. new byte[60]]));
        Assert.Equal((0L, 64L, 0), (plan.PlanOffset, plan.PlanBytes, plan.Metadata.Count));
    }

    [Theory]
    [InlineData("ftrt", 10, 10, false)]
    [InlineData("ftrt", 11, 11, false)]
    [InlineData("vtrt", 1, 11, true)]
    public void A_plan_says_what_built_it(string mark, byte version, int major, bool isRtx)
    {
        byte[] plan = [.. Encoding.ASCII.GetBytes(mark), .. new byte[20], version, .. new byte[40]];
        TensorRtOrigin origin = new(major, isRtx);
        Assert.Equal(origin, TensorRtPlanFile.Read(Save("a.engine", plan)).BuiltWith);
        Assert.Equal(origin, TensorRtPlanFile.Read(Save("b.engine", WithHeader("{}", plan))).BuiltWith);
        Assert.Null(TensorRtPlanFile.Read(Save("c.engine", plan[..24])).BuiltWith);
    }

    [Fact]
    public void The_header_that_Ultralytics_writes_is_metadata_as_an_onnx_file_has_it()
    {
        string json = """
            {"description": "Ultralytics YOLOv8n model", "version": "8.3.0", "stride": 32, "task": "detect", "batch": 8, "imgsz": [480, 640],
             "names": {"0": "bolt", "1": "screw \"M4\"", "2": "\u00f6se"}, "args": {"batch": 8, "half": true, "nms": false}, "end2end": true}
            """;
        TensorRtPlanFile plan = TensorRtPlanFile.Read(Save("a.engine", WithHeader(json, Plan(100))));
        Assert.Equal((4L + Encoding.UTF8.GetByteCount(json), 100L), (plan.PlanOffset, plan.PlanBytes));
        Assert.Equal("Ultralytics YOLOv8n model", plan.Metadata["description"]);
        Assert.True(ModelMetadata.TryReadNames(plan.Metadata["names"], out ImmutableArray<string> names));
        Assert.Equal(["bolt", "screw \"M4\"", "öse"], names.AsEnumerable());
        Assert.True(ModelMetadata.TryReadImageSize(plan.Metadata["imgsz"], out (int Width, int Height) size));
        Assert.Equal((640, 480), size);
        Assert.True(ModelMetadata.TryReadStride(plan.Metadata["stride"], out int stride));
        Assert.Equal(32, stride);
        Assert.True(ModelMetadata.TryReadTask(plan.Metadata, out string? task));
        Assert.Equal("detect", task);
        Assert.True(ModelMetadata.ReadEndToEnd(plan.Metadata));
        Assert.Equal("8", plan.Metadata["batch"]);
    }

    [Fact]
    public void What_is_written_reads_as_what_it_was()
    {
        ImmutableDictionary<string, string> metadata = ImmutableDictionary<string, string>.Empty
            .Add("names", "{0: 'bolt', 1: \"driver's\", 2: 'a\\\\b', 5: '\\u00f6se'}")
            .Add("imgsz", "[480, 640]").Add("stride", "32").Add("task", "detect").Add("version", "8.3").Add("date", "2026-11-21T05:21:47+00:00")
            .Add("end2end", "True").Add("args", "{'nms': False, 'half': True, 'simplify': None, 'iou': 0.7, 'classes': (1, 2)}").Add(
                "author", "{not a literal");
        TensorRtPlanFile plan = TensorRtPlanFile.Read(Save("a.engine", [.. TensorRtPlanFile.Prefix(metadata), .. Plan(64)]));
        Assert.Equal(64, plan.PlanBytes);
        Assert.Equal(metadata.Keys.Order(), plan.Metadata.Keys.Order());
        foreach (string key in (string[])["task", "version", "date", "author", "stride"])
        {
            Assert.Equal(metadata[key], plan.Metadata[key]);
        }

        Assert.True(ModelMetadata.TryReadNames(plan.Metadata["names"], out ImmutableArray<string> names));
        Assert.Equal(["bolt", "driver's", "a\\b", "class3", "class4", "öse"], names.AsEnumerable());
        Assert.True(ModelMetadata.TryReadImageSize(plan.Metadata["imgsz"], out (int Width, int Height) size));
        Assert.Equal((640, 480), size);
        Assert.True(ModelMetadata.ReadEndToEnd(plan.Metadata));
        Assert.Empty(TensorRtPlanFile.Prefix(ImmutableDictionary<string, string>.Empty));
    }

    [Theory]
    [InlineData(0xFFFFFFFFu)]
    [InlineData(0x7FFFFFFFu)]
    [InlineData(60u)]
    [InlineData(61u)]
    public void A_length_beyond_the_file_is_refused(uint length)
    {
        byte[] bytes = new byte[64];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, length);
        bytes[4] = (byte)'{';
        ModelException error = Assert.Throws<ModelException>(() => TensorRtPlanFile.Read(Save("a.engine", bytes)));
        Assert.Contains($"{length} bytes of a file of 64", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{\"names\": ")]
    [InlineData("{\"a\":1]")]
    [InlineData("{\"a\":\"\\ud800\"}")]
    public void Metadata_that_is_no_json_is_refused(string json)
    {
        ModelException error = Assert.Throws<ModelException>(() => TensorRtPlanFile.Read(Save("a.engine", WithHeader(json, Plan(64)))));
        Assert.Contains("no JSON object", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_cut_of_a_file_is_read_or_refused()
    {
        byte[] whole = WithHeader("""{"names": {"0": "bolt"}, "stride": 32}""", Plan(16));
        for (int length = 0; length < whole.Length; length++)
        {
            string path = Save("cut.engine", whole[..length]);
            try
            {
                TensorRtPlanFile plan = TensorRtPlanFile.Read(path);
                Assert.True(plan.PlanBytes > 0 && plan.PlanOffset + plan.PlanBytes == length, $"{length}: {plan}");
            }
            catch (ModelException error)
            {
                Assert.Contains("cut.engine", error.Message, StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public void Missing_files_and_folders_say_so()
    {
        Assert.Contains(
            "does not exist", Assert.Throws<ModelException>(() => TensorRtPlanFile.Read(folder.File("no.engine"))).Message, StringComparison.Ordinal);
        Assert.Contains("folder", Assert.Throws<ModelException>(() => TensorRtPlanFile.Read(folder.Path)).Message, StringComparison.Ordinal);
        Assert.Contains("empty", Assert.Throws<ModelException>(() => TensorRtPlanFile.Read(Save("a.engine", []))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_files_content_says_what_it_is_and_its_name_only_where_that_is_silent()
    {
        byte[] onnx = OnnxModelBuilder.Detector(new FakeDetector()).Build();
        Assert.False(ModelFile.IsTensorRt(Save("named.engine", onnx)));
        Assert.False(ModelFile.IsTensorRt(Save("model.onnx", onnx)));
        Assert.True(ModelFile.IsTensorRt(Save("named.onnx", Plan(64))));
        Assert.True(ModelFile.IsTensorRt(Save("header.bin", WithHeader("{\"task\": \"detect\"}", Plan(64)))));
        Assert.False(ModelFile.IsTensorRt(Save("text.onnx", Encoding.ASCII.GetBytes("this is no model"))));
        Assert.True(ModelFile.IsTensorRt(Save("text.ENGINE", Encoding.ASCII.GetBytes("this is no model"))));
        Assert.True(ModelFile.IsTensorRt(folder.File("missing.plan")));
        Assert.False(ModelFile.IsTensorRt(folder.File("missing.onnx")));
    }

    [Fact]
    public void An_engine_is_refused_on_the_processor_by_what_it_is()
    {
        string path = Save("plan.onnx", Plan(64));
        ModelException error = Assert.Throws<ModelException>(() => YoloDetector.Open(path, new DetectorOptions { Device = Device.Cpu }));
        Assert.Contains("runs on a CUDA device only", error.Message, StringComparison.Ordinal);
        Assert.Contains("does not exist", Assert.Throws<ModelException>(() => YoloDetector.Open(folder.File("missing.engine"))).Message,
            StringComparison.Ordinal);
    }

    private static byte[] Plan(int length)
    {
        byte[] plan = new byte[length];
        "ftrt"u8.CopyTo(plan);
        return plan;
    }

    private static byte[] WithHeader(string json, byte[] plan)
    {
        byte[] text = Encoding.UTF8.GetBytes(json);
        byte[] length = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(length, text.Length);
        return [.. length, .. text, .. plan];
    }

    private string Save(string name, byte[] bytes)
    {
        string path = folder.File(name);
        File.WriteAllBytes(path, bytes);
        return path;
    }
}
