// As ONNX Runtime 1.15: version 15 is the newest it knows, and asking for a newer one is an error here, because the real one prints to standard error then.
#include <stdint.h>
#include <stdlib.h>

static void *get_api(uint32_t version) {
    (void)version;
    abort();
}

static const char *get_version(void) { return "1.15.1"; }

static const struct {
    void *(*get_api)(uint32_t);
    const char *(*get_version)(void);
} base = {get_api, get_version};

const void *OrtGetApiBase(void) { return &base; }
