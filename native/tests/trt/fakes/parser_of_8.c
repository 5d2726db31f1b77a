/* An ONNX parser by its export, of another major by its soname. */
#include <stdlib.h>

void* createNvOnnxParser_INTERNAL(void* network, void* logger, int version)
{
    (void) network;
    (void) logger;
    (void) version;
    abort();
}
