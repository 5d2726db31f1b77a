using System.Buffers.Binary;
using System.Net;
using System.Net.Http.Json;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using Google.Protobuf;
using Grpc.Core;
using YoloZeroCopy.Server.Protocol;
using YoloZeroCopy.Tests;

namespace YoloZeroCopy.Server.Tests;

/// <summary>What goes in and comes out, both ways.</summary>
public sealed class InferTests
{
    private static string Beside(string file) => Path.Combine(AppContext.BaseDirectory, file);

    [Fact]
    public async Task A_real_model_finds_over_every_way_what_it_finds_in_process()
    {
        using TempFolder folder = new();
        File.Copy(Beside("conveyor.onnx"), folder.File("conveyor.onnx"));
        DetectorOptions detector = new() { Device = Device.Cpu };
        byte[] picture = await File.ReadAllBytesAsync(Beside("0.jpg"));
        Detection[] expected;
        await using (YoloDetector inProcess = await YoloDetector.OpenAsync(Beside("conveyor.onnx"), detector))
        {
            using DetectionResult result = await inProcess.DetectAsync((ReadOnlyMemory<byte>)picture);
            expected = result.ToArray();
            Assert.NotEmpty(expected);
        }

        await using DetectionServer server = await DetectionServer.StartAsync(
            new DetectionServerOptions
            {
                ModelFolder = folder.Path,
                HttpPort = 0,
                GrpcPort = 0,
                Detector = detector,
                MaxQueueAge = TestServer.Patience
            });
        await server.Opened;
        using HttpClient http = new() { BaseAddress = server.HttpAddress };
        using GrpcClient grpc = new(server.GrpcAddress);

        JsonElement detected = await JsonAsync(await http.PostAsync("/v2/models/conveyor/detect", new ByteArrayContent(picture)));
        Assert.Equal(expected.Length, detected.GetProperty("detections").GetArrayLength());
        Assert.Equal(expected[0].Score, detected.GetProperty("detections")[0].GetProperty("score").GetSingle());

        ModelInferRequest request = new()
        {
            ModelName = "conveyor",
            Inputs = { Picture(1) },
            RawInputContents = { ByteString.CopyFrom(Elements(picture)) },
        };
        Assert.Equal(expected, TestServer.Found(await grpc.InferAsync(request)));
        request.RawInputContents.Clear();
        request.Inputs[0].Contents = new InferTensorContents { BytesContents = { ByteString.CopyFrom(picture) } };
        Assert.Equal(expected, TestServer.Found(await grpc.InferAsync(request)));

        // The same pixels as a tensor.
        byte[] pixels = PictureFile.Read(Beside("0.jpg"), out FrameFormat format, PixelFormat.Rgb24);
        request.Inputs[0] =
            new ModelInferRequest.Types.InferInputTensor { Name = "image", Datatype = "UINT8", Shape = { 1, format.Height, format.Width, 3 } };
        request.RawInputContents.Add(ByteString.CopyFrom(pixels));
        Assert.Equal(expected, TestServer.Found(await grpc.InferAsync(request)));
    }

    [Fact]
    public async Task Tensors_of_every_layout_are_told_by_their_shape()
    {
        await using TestServer server = await TestServer.StartAsync();
        foreach ((string format, long[] shape, int width, int height) in new (string, long[], int, int)[]
        {
            ("rgb24", [16, 32, 3], 32, 16), ("Bgra32", [1, 16, 32, 4], 32, 16), ("gray8", [16, 32], 32, 16), ("Nv12", [24, 32], 32, 16),
                ("nv12", [1, 5, 32], 32, 3),
            ("RgbPlanar", [3, 16, 32], 32, 16), ("BayerRggb8", [16, 32], 32, 16),
        })
        {
            ModelInferRequest request = Tensor(format, shape);
            request.RawInputContents.Add(ByteString.CopyFrom(Enumerable.Repeat((byte)5, (int)shape.Aggregate(1L, static (a, b) => a * b)).ToArray()));
            Assert.Equal([new Detection(2, 0.5f, 0, 0, width, height)], TestServer.Found(await server.Grpc.InferAsync(request)));
        }

        foreach ((string format, long[] shape) in new (string, long[])[]
        {
            ("rgb24", [16, 32]), ("rgb24", [16, 32, 4]), ("rgb24", [2, 2, 16, 32, 3]), ("nv12", [22, 32]), ("nv12", [24, 31]), ("p010", [24, 32]),
            ("rgb24", [0, 32, 3]), ("rgb24", [-1, 32, 3]), ("rgb24", [long.MaxValue, 32, 3]), ("rgb24", [33, 1, 1, 3]), ("rgb24", [8193, 1, 3]),
                ("sepia", [16, 32, 3]),
        })
        {
            ModelInferRequest request = Tensor(format, shape);
            request.RawInputContents.Add(ByteString.CopyFrom(new byte[16]));
            Assert.Equal(StatusCode.InvalidArgument, (await server.Grpc.RefusedAsync(request)).StatusCode);
        }
    }

    [Fact]
    public async Task A_request_of_several_frames_has_a_row_for_each()
    {
        await using TestServer server = await TestServer.StartAsync();
        ModelInferRequest request = Tensor("rgb24", 12, 16, 32, 3);
        byte[] pixels = new byte[12 * 16 * 32 * 3];
        for (int frame = 0; frame < 12; frame++)
        {
            pixels[frame * 16 * 32 * 3] = (byte)frame;
        }

        // More than there are slots.
        request.RawInputContents.Add(ByteString.CopyFrom(pixels));
        ModelInferResponse response = await server.Grpc.InferAsync(request);
        Assert.Equal([12, 10, 4], response.Outputs[0].Shape);
        for (int frame = 0; frame < 12; frame++)
        {
            Assert.Equal(frame % 3, Assert.Single(TestServer.Found(response, frame)).ClassId);
        }

        // Values one by one, as clients without raw contents give them.
        request = Tensor("gray8", 2, 2);
        request.Inputs[0].Contents = new InferTensorContents { UintContents = { 4, 5, 6, 255 } };
        Assert.Equal(1, Assert.Single(TestServer.Found(await server.Grpc.InferAsync(request))).ClassId);
        request.Inputs[0].Contents.UintContents[3] = 256;
        Assert.Contains("256", (await server.Grpc.RefusedAsync(request)).Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Json_has_tensors_in_it_or_behind_it()
    {
        await using TestServer server = await TestServer.StartAsync();
        const string Path = "/v2/models/echo/versions/1/infer";
        string data = $"[[{string.Join(',', Enumerable.Repeat("[4,0,0]", 6))}]]";
        JsonElement answer = await JsonAsync(await server.Http.PostAsync(Path, Text(
            $$"""
            {"id":"a","extra":{"x":[1]},"inputs":[{"data":{{data}},"name":"image","datatype":"UINT8","shape":[1,6,3]}],
            "outputs":[{"name":"counts"},{"name":"classes"},{"name":"detections"}]}
            """)));
        Assert.Equal(("echo", "1", "a"),
            (answer.GetProperty("model_name").GetString(), answer.GetProperty("model_version").GetString(), answer.GetProperty("id").GetString()));
        JsonElement outputs = answer.GetProperty("outputs");
        Assert.Equal(1, outputs[0].GetProperty("data")[0].GetInt32());
        Assert.Equal([1, -1, -1, -1, -1, -1, -1, -1, -1, -1], outputs[1].GetProperty("data").EnumerateArray().Select(value => value.GetInt32()));
        Assert.Contains("\"name\":\"nut\"", outputs[2].GetProperty("data")[0].GetString(), StringComparison.Ordinal);

        // Binary both ways.
        string json =
            """
            {"inputs":[{"name":"image","datatype":"UINT8","shape":[2,2,3],"parameters":{"binary_data_size":12}}],
            "parameters":{"binary_data_output":true}}
            """;
        using ByteArrayContent binary = new([.. Encoding.UTF8.GetBytes(json), 5, .. new byte[11]]);
        binary.Headers.Add("Inference-Header-Content-Length", json.Length.ToString());
        using HttpResponseMessage response = await server.Http.PostAsync(Path, binary);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        byte[] body = await response.Content.ReadAsByteArrayAsync();
        int jsonBytes = int.Parse(response.Headers.GetValues("Inference-Header-Content-Length").Single());
        outputs = JsonDocument.Parse(body.AsMemory(0, jsonBytes)).RootElement.GetProperty("outputs");
        int[] sizes = [.. outputs.EnumerateArray().Select(output => output.GetProperty("parameters").GetProperty("binary_data_size").GetInt32())];
        Assert.Equal([160, 40, 40, 4], sizes);
        Assert.Equal(jsonBytes + sizes.Sum(), body.Length);
        Assert.Equal(2, BinaryPrimitives.ReadInt32LittleEndian(body.AsSpan(jsonBytes + 200)));

        // A picture as text in base64, and bare with all of the answer behind the JSON.
        byte[] png = PictureFile.EncodePng(new byte[8 * 4 * 3], new FrameFormat(PixelFormat.Bgr24, 8, 4));
        answer = await JsonAsync(await server.Http.PostAsync(Path, Text(
            $$"""
            {"inputs":[{"name":"picture","datatype":"BYTES","shape":[1],"data":["{{Convert.ToBase64String(png)}}"]}],
            "outputs":[{"name":"boxes"}]}
            """)));
        Assert.Equal([0, 0, 8, 4], answer.GetProperty("outputs")[0].GetProperty("data").EnumerateArray().Take(4).Select(value => value.GetSingle()));
        using ByteArrayContent bare = new(png);
        bare.Headers.Add("Inference-Header-Content-Length", "0");
        using HttpResponseMessage bareAnswer = await server.Http.PostAsync(Path, bare);
        Assert.Equal("application/octet-stream", bareAnswer.Content.Headers.ContentType!.MediaType);
    }

    [Theory]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("""{"inputs":[]}""")]
    [InlineData("""{"inputs":[{"name":"image","datatype":"UINT8","shape":[1,1,3],"data":[1,2,256]}]}""")]
    [InlineData("""{"inputs":[{"name":"image","datatype":"UINT8","shape":[1,1,3],"data":[1,2]}]}""")]
    [InlineData("""{"inputs":[{"name":"image","datatype":"UINT8","shape":[1,1,3],"data":3}]}""")]
    [InlineData("""{"inputs":[{"name":"image","datatype":"UINT8","shape":[1,1,3],"data":[1,2,3],"parameters":{"binary_data_size":3}}]}""")]
    [InlineData("""{"inputs":[{"name":"image","datatype":"FP32","shape":[1,1,3],"data":[1,2,3]}]}""")]
    [InlineData("""{"inputs":[{"name":"other","datatype":"UINT8","shape":[1,1,3],"data":[1,2,3]}]}""")]
    [InlineData("""{"inputs":[{"name":"image","datatype":"UINT8","shape":[1,1,3]}]}""")]
    [InlineData("""{"inputs":[{"name":"image","datatype":"UINT8","shape":[1,1,3],"data":[1,2,3]}],"outputs":[{"name":"masks"}]}""")]
    [InlineData("""{"inputs":[{"name":"image","datatype":"UINT8","shape":[1,1,3],"data":[1,2,3]}],"outputs":[{"name":"boxes"},{"name":"boxes"}]}""")]
    [InlineData("""{"inputs":[{"name":"image","datatype":"UINT8","shape":[1,1,3],"data":[1,2,3]}],"parameters":{"timeout":"soon"}}""")]
    [InlineData("""{"inputs":[{"name":"image","datatype":"UINT8","shape":[1,1,3],"data":[1,2,3]}]} {}""")]
    [InlineData(
        """{"inputs":[{"name":"image","datatype":"UINT8","shape":[1,1,3],"parameters":{"shared_memory_region":"x","shared_memory_byte_size":3}}]}""",
        403)]
    [InlineData("""{"inputs":[{"name":"picture","datatype":"BYTES","shape":[1],"data":["!!"]}]}""")]
    [InlineData("""{"inputs":[{"name":"picture","datatype":"BYTES","shape":[2],"data":["AAAA"]}]}""")]
    public async Task A_request_that_is_none_is_refused_with_a_reason(string json, int status = 400)
    {
        await using TestServer server = await TestServer.StartAsync();
        using HttpResponseMessage response = await server.Http.PostAsync("/v2/models/echo/infer", Text(json));
        Assert.Equal(status, (int)response.StatusCode);
        Assert.NotEmpty((await response.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("error").GetString()!);
    }

    [Fact]
    public async Task Frames_of_a_stream_are_answered_in_order_also_those_that_were_dropped_or_are_none()
    {
        using Gate gate = new();
        await using TestServer server = await TestServer.StartAsync(
            new Dictionary<string, DetectFunction> { ["gate"] = gate.Detect }, static options => options.Detector.Lanes = 1);
        using AsyncDuplexStreamingCall<ModelInferRequest, ModelStreamInferResponse> stream = server.Grpc.Stream();
        ModelInferRequest first = GrpcClient.Frame("gate", 0, id: "0");
        first.Parameters["overflow"] = new InferParameter { StringParam = "DropOldest" };
        await stream.RequestStream.WriteAsync(first);
        await TestServer.UntilAsync(() => gate.Entered == 1);

        // One is computed; of those behind it only the newest waits.
        for (int number = 1; number < 4; number++)
        {
            await stream.RequestStream.WriteAsync(GrpcClient.Frame("gate", (byte)number, id: $"{number}"));
        }

        await stream.RequestStream.WriteAsync(GrpcClient.Frame("other", id: "4"));
        await stream.RequestStream.CompleteAsync();
        await TestServer.UntilAsync(() => server.Detectors[0].Statistics is { FramesSubmitted: 4, SlotsInUse: 2 });
        gate.Let(2);
        List<string> answers = [];
        while (await stream.ResponseStream.MoveNext(CancellationToken.None))
        {
            ModelStreamInferResponse answer = stream.ResponseStream.Current;
            answers.Add($"{answer.InferResponse.Id} "
                + $"{(answer.ErrorMessage.Length > 0 ? "error" : answer.InferResponse.Parameters["status"].StringParam)}");
            if (answer.ErrorMessage.Length == 0)
            {
                Assert.Equal(
                    answer.InferResponse.Parameters["status"].StringParam == "Completed" ? 1 : 0, TestServer.Found(answer.InferResponse).Length);
            }
        }

        Assert.Equal(["0 Completed", "1 DroppedOldest", "2 DroppedOldest", "3 Completed", "4 error"], answers);
        await server.UntilQuietAsync();
    }

    internal static ModelInferRequest Tensor(string format, params long[] shape) => new()
    {
        ModelName = "echo",
        Inputs =
        {
            new ModelInferRequest.Types.InferInputTensor
            {
                Name = "image",
                Datatype = "UINT8",
                Shape = { shape },
                Parameters = { ["pixel_format"] = new InferParameter { StringParam = format } },
            },
        },
    };

    internal static StringContent Text(string json) => new(json, Encoding.UTF8, "application/json");

    internal static async Task<JsonElement> JsonAsync(HttpResponseMessage response)
    {
        using (response)
        {
            string text = await response.Content.ReadAsStringAsync();
            Assert.True(response.StatusCode == HttpStatusCode.OK, text);
            return JsonDocument.Parse(text).RootElement;
        }
    }

    private static ModelInferRequest.Types.InferInputTensor Picture(int count) => new() { Name = "picture", Datatype = "BYTES", Shape = { count } };

    private static byte[] Elements(byte[] picture)
    {
        byte[] length = new byte[sizeof(int)];
        MemoryMarshal.Write(length, picture.Length);
        return [.. length, .. picture];
    }
}
