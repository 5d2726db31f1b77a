// Says it is new enough, but gives no function table for any version.
#include <stdint.h>

static void *get_api(uint32_t version) {
    (void)version;
    return 0;
}

static const char *get_version(void) { return "1.99.0"; }

static const struct {
    void *(*get_api)(uint32_t);
    const char *(*get_version)(void);
} base = {get_api, get_version};

const void *OrtGetApiBase(void) { return &base; }
