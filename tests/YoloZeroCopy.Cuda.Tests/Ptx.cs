namespace YoloZeroCopy.Cuda.Tests;

/// <summary>Kernels written by hand, for any GPU from Turing on and any driver from CUDA 11.5 on.</summary>
internal static class Ptx
{
    /// <summary><c>add_index</c> takes <see cref="AddIndex"/> by value; <c>store</c> takes an address and a word.</summary>
    public const string Text = """
        .version 7.5
        .target sm_75
        .address_size 64

        .visible .entry add_index(
            .param .align 8 .b8 argument[16]
        )
        {
            .reg .pred %p<2>;
            .reg .b32 %r<8>;
            .reg .b64 %rd<5>;
            ld.param.u64 %rd1, [argument];
            ld.param.u32 %r1, [argument+8];
            ld.param.u32 %r2, [argument+12];
            mov.u32 %r3, %ctaid.x;
            mov.u32 %r4, %ntid.x;
            mov.u32 %r5, %tid.x;
            mad.lo.s32 %r6, %r3, %r4, %r5;
            setp.ge.u32 %p1, %r6, %r1;
            @%p1 bra DONE;
            cvta.to.global.u64 %rd2, %rd1;
            mul.wide.u32 %rd3, %r6, 4;
            add.s64 %rd4, %rd2, %rd3;
            add.u32 %r7, %r6, %r2;
            st.global.u32 [%rd4], %r7;
        DONE:
            ret;
        }

        .visible .entry store(
            .param .u64 address,
            .param .u32 value
        )
        {
            .reg .b32 %r<2>;
            .reg .b64 %rd<3>;
            ld.param.u64 %rd1, [address];
            ld.param.u32 %r1, [value];
            cvta.to.global.u64 %rd2, %rd1;
            st.global.u32 [%rd2], %r1;
            ret;
        }
        """;

    public static readonly byte[] Bytes = System.Text.Encoding.UTF8.GetBytes(Text);
}

/// <summary>Parameter of <c>add_index</c>: writes index + Added into Count words.</summary>
internal struct AddIndex
{
    public CUdeviceptr Words;
    public uint Count;
    public uint Added;
}
