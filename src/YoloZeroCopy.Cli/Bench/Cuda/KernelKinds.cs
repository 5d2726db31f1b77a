namespace YoloZeroCopy.Cli;

/// <summary>What kind of work a kernel does, by its name: the library's own, ONNX Runtime's, cuDNN's and those of CUDA's libraries.</summary>
internal static class KernelKinds
{
    // The first that is part of the name counts.
    private static readonly (string Part, string Kind)[] Parts =
    [
        ("yzc_silu", "SiLU"),
        ("yzc_preprocess", "preprocessing"),
        ("yzc_copy", "concatenation and copy"),
        ("yzc_add", "addition"),
        ("depthwise", "depthwise convolution"),
        ("nchwToNhwc", "transposition"),
        ("nhwcToNchw", "transposition"),
        ("transpose", "transposition"),
        ("tensorTransform", "transposition"),
        ("concat", "concatenation and copy"),
        ("memory copy", "concatenation and copy"),
        ("memory fill", "memory fill"),
        ("slice", "concatenation and copy"),
        ("split", "concatenation and copy"),
        ("gather", "concatenation and copy"),
        ("pool", "pooling"),
        ("upsample", "upsampling"),
        ("resize", "upsampling"),
        ("attention", "attention"),
        ("softmax", "softmax"),
        ("sigmoid", "activation"),
        ("gelu", "activation"),
        ("cast", "cast"),
        ("fprop", "convolution and matrix product"),
        ("conv", "convolution and matrix product"),
        ("xmma", "convolution and matrix product"),
        ("gemm", "convolution and matrix product"),
        ("cutlass", "convolution and matrix product"),
        ("nvjet", "convolution and matrix product"),
        ("cudnn_generated", "convolution and matrix product"),
        ("elementwise", "other pointwise"),
    ];

    public static string Of(string kernel)
    {
        foreach ((string part, string kind) in Parts)
        {
            if (kernel.Contains(part, StringComparison.OrdinalIgnoreCase))
            {
                return kind;
            }
        }

        return "other";
    }
}
