namespace YoloZeroCopy.Interop;

/// <summary>What every function of cuDNN returns; 0 is success. Thousands tell the kind: 2 wrong use, 3 not supported, 4 internal, 5
/// execution.</summary>
internal enum CudnnStatus
{
    Success = 0,
}

/// <summary>Kinds of descriptors. Values are those of cuDNN 9's public header, here and below.</summary>
internal enum CudnnDescriptorType
{
    Pointwise = 0,
    Convolution = 1,
    EngineConfig = 3,
    EngineHeuristics = 4,
    ExecutionPlan = 5,
    ConvolutionForward = 10,
    PointwiseOperation = 13,
    OperationGraph = 15,
    VariantPack = 16,
    Tensor = 17,
}

internal enum CudnnAttribute
{
    PointwiseMode = 0,
    PointwiseMathPrecision = 1,
    PointwiseSwishBeta = 8,
    ConvolutionComputeType = 100,
    ConvolutionMode = 101,
    ConvolutionDilations = 102,
    ConvolutionStrides = 103,
    ConvolutionPostPaddings = 104,
    ConvolutionPrePaddings = 105,
    ConvolutionSpatialDimensions = 106,
    HeuristicsMode = 200,
    HeuristicsOperationGraph = 201,
    HeuristicsResults = 202,
    PlanHandle = 400,
    PlanEngineConfig = 401,
    PlanWorkspaceSize = 402,
    PlanJson = 405,
    ConvolutionForwardAlpha = 700,
    ConvolutionForwardBeta = 701,
    ConvolutionForwardDescriptor = 702,
    ConvolutionForwardWeights = 703,
    ConvolutionForwardInput = 704,
    ConvolutionForwardOutput = 705,
    PointwiseDescriptor = 750,
    PointwiseInput = 751,
    PointwiseSecondInput = 752,
    PointwiseOutput = 753,
    GraphHandle = 800,
    GraphOperations = 801,
    TensorByteAlignment = 900,
    TensorDataType = 901,
    TensorDimensions = 902,
    TensorStrides = 903,
    TensorUniqueId = 906,
    TensorIsVirtual = 907,
    PackUniqueIds = 1000,
    PackDataPointers = 1001,
    PackWorkspace = 1003,
}

internal enum CudnnAttributeType
{
    Handle = 0,
    DataType = 1,
    Boolean = 2,
    Int64 = 3,
    Float = 4,
    Double = 5,
    Pointer = 6,
    ConvolutionMode = 7,
    HeuristicsMode = 8,
    PointwiseMode = 14,
    Descriptor = 15,
    Char = 24,
}

internal enum CudnnDataType
{
    Float = 0,
    Half = 2,
}

internal enum CudnnConvolutionMode
{
    CrossCorrelation = 1,
}

internal enum CudnnPointwiseMode
{
    Add = 0,
    Swish = 106,
}

internal enum CudnnHeuristicsMode
{
    Fallback = 2,
    A = 3,
}
