/*
 * Looks like TensorRT to dlsym and says to be version FAKE_VERSION. Nothing of it may be called but the version: where it must be refused, a
 * call of its factory ends the test. With FAKE_GIVES_NOTHING the factories answer null, as TensorRT does when it cannot start.
 */
#include <stdint.h>
#include <stdlib.h>

int32_t getInferLibVersion(void)
{
    return FAKE_VERSION;
}

static void* answer(void)
{
#ifdef FAKE_GIVES_NOTHING
    return 0;
#else
    abort();
#endif
}

void* createInferRuntime_INTERNAL(void* logger, int32_t version)
{
    (void) logger;
    (void) version;
    return answer();
}

#ifndef FAKE_IS_LEAN
void* createInferBuilder_INTERNAL(void* logger, int32_t version)
{
    (void) logger;
    (void) version;
    return answer();
}
#endif
