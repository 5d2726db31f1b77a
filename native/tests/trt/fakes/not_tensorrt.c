/* A shared library that is no TensorRT. */
int notTensorRT(void)
{
    return 1;
}
