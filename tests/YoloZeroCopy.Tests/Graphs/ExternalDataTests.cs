using System.Globalization;
using Google.Protobuf;
using YoloZeroCopy.Onnx;

namespace YoloZeroCopy.Tests;

/// <summary>Weights in files beside a model, and what may be wrong with them.</summary>
public sealed class ExternalDataTests : IDisposable
{
    private readonly ModelFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_model_with_its_weights_inside_is_the_model()
    {
        ModelProto whole = Whole();
        ModelProto parted = whole.Clone();
        using (FileStream file = File.Create(folder.File("weights.bin")))
        {
            file.Write(new byte[64]);
            foreach (TensorProto tensor in parted.Graph.Initializer.Where(static tensor => tensor.HasRawData))
            {
                Move(tensor, file.Position, tensor.RawData.Length);
                file.Write(tensor.RawData.Span);
                tensor.ClearRawData();
            }
        }

        using OnnxModel read = OnnxModel.ReadWhole(Save(parted));
        ModelProto found = ModelProto.Parser.ParseFrom(read.Bytes);
        Assert.Contains(parted.Graph.Initializer, static tensor => tensor.ExternalData.Count > 0);
        Assert.Equal(whole.Graph.Node, found.Graph.Node);
        Assert.Equal(whole.Graph.Input, found.Graph.Input);
        Assert.Equal(whole.Graph.Output, found.Graph.Output);
        Assert.Equal(whole.MetadataProps, found.MetadataProps);
        Assert.Equal(
            whole.Graph.Initializer.ToDictionary(static tensor => tensor.Name), found.Graph.Initializer.ToDictionary(static tensor => tensor.Name));
    }

    [Theory]
    [InlineData("location", "../weights.bin", "is not in the model's folder")]
    [InlineData("location", "/etc/hostname", "is not in the model's folder")]
    [InlineData("location", "", "is not in the model's folder")]
    [InlineData("location", "none.bin", "does not exist")]
    [InlineData("offset", "-1", "from -1 on")]
    [InlineData("offset", "9223372036854775807", "from 9223372036854775807 on")]
    [InlineData("offset", "3", "has 8 bytes; weights 'w' are 8 from 3 on")]
    [InlineData("length", "12", "of 8 bytes are said to be 12 bytes")]
    [InlineData("length", "many", "are said to be -1 bytes")]
    [InlineData("dims", "4611686018427387904", "of -4 bytes")]
    [InlineData("type", "8", "of -")]
    public void What_does_not_fit_is_refused(string what, string value, string reason)
    {
        File.WriteAllBytes(folder.File("weights.bin"), new byte[8]);
        ModelProto model = new() { IrVersion = 8, Graph = new GraphProto() };
        TensorProto tensor = new() { Name = "w", DataType = 1, Dims = { 2 } };
        model.Graph.Initializer.Add(tensor);
        Move(tensor, 0, 8);
        switch (what)
        {
            case "dims":
                tensor.Dims.Add(long.Parse(value, CultureInfo.InvariantCulture));
                break;
            case "type":
                tensor.DataType = int.Parse(value, CultureInfo.InvariantCulture);
                break;
            default:
                tensor.ExternalData.Single(entry => entry.Key == what).Value = value;
                break;
        }

        string path = Save(model);
        Assert.Contains(reason, Assert.Throws<ModelException>(() => OnnxModel.ReadWhole(path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_model_that_would_be_too_large_is_refused_before_memory_is_taken()
    {
        // Two tensors of the same bytes of one sparse file: 2.4 GB together.
        const long Each = 1_200_000_000;
        using (FileStream file = File.Create(folder.File("weights.bin")))
        {
            file.SetLength(Each);
        }

        ModelProto model = new() { IrVersion = 8, Graph = new GraphProto() };
        foreach (string name in (string[])["a", "b"])
        {
            TensorProto tensor = new() { Name = name, DataType = 1, Dims = { Each / 4 } };
            Move(tensor, 0, Each);
            model.Graph.Initializer.Add(tensor);
        }

        string path = Save(model);
        Assert.Contains("an ONNX file has at most", Assert.Throws<ModelException>(() => OnnxModel.ReadWhole(path)).Message, StringComparison.Ordinal);
    }

    private static ModelProto Whole() =>
        ModelProto.Parser.ParseFrom(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "model", "conveyor.onnx")));

    private static void Move(TensorProto tensor, long offset, long length)
    {
        tensor.DataLocation = 1;
        (string Key, string Value)[] entries =
        [
            ("location", "weights.bin"), ("offset", offset.ToString(CultureInfo.InvariantCulture)),
                ("length", length.ToString(CultureInfo.InvariantCulture)),
        ];
        tensor.ExternalData.AddRange(entries.Select(static entry => new StringStringEntryProto { Key = entry.Key, Value = entry.Value }));
    }

    private string Save(ModelProto model)
    {
        string path = folder.File("parted.onnx");
        File.WriteAllBytes(path, model.ToByteArray());
        return path;
    }
}
