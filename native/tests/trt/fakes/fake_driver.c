/* A CUDA driver with FAKE_DEVICES devices, as far as the shim looks. */
int cuInit(unsigned int flags)
{
    (void) flags;
    return FAKE_DEVICES == 0 ? 100 : 0;
}

int cuDeviceGetCount(int* count)
{
    *count = FAKE_DEVICES;
    return 0;
}
