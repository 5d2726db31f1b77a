// Checks the kernels: kernel_check [--quick] [--only text] [--measure] [--ptx folder] [--golden folder]
#include <cstdio>
#include "launches.h"

#include <cstring>

int main(int count, char** arguments)
{
    options options;
    options.ptx = "native/kernels/ptx";
    bool measuring = false;
    for (int i = 1; i < count; i++) {
        if (std::strcmp(arguments[i], "--quick") == 0) {
            options.quick = true;
        } else if (std::strcmp(arguments[i], "--measure") == 0) {
            measuring = true;
        } else if (std::strcmp(arguments[i], "--only") == 0 && i + 1 < count) {
            options.only = arguments[++i];
        } else if (std::strcmp(arguments[i], "--ptx") == 0 && i + 1 < count) {
            options.ptx = arguments[++i];
        } else if (std::strcmp(arguments[i], "--golden") == 0 && i + 1 < count) {
            options.golden = arguments[++i];
        } else {
            std::fprintf(stderr, "unknown argument %s\n", arguments[i]);
            return 2;
        }
    }

    std::unique_ptr<device> device = open_device(options.ptx);
    std::printf("device: %s\n", device->name().c_str());
    tally tally;
    auto part = [&](const char* name, void (*check)(class device&, const struct options&, struct tally&)) {
        struct tally own;
        check(*device, options, own);
        std::printf("%s: %d passed, %d failed\n", name, own.passed, own.failed);
        tally.passed += own.passed;
        tally.failed += own.failed;
    };
    if (!options.golden.empty()) {
        part("golden", check_golden);
    }

    if (options.golden.empty() || !device->emulated()) {
        if (options.only.empty()) {
            part("preprocess", check_preprocess);
            part("activation", check_activation);
            part("head", check_head);
        }

        part("decode", check_decode);
    }

    if (measuring && !device->emulated()) {
        measure(*device);
    }

    std::printf("%d passed, %d failed, 0 skipped\n", tally.passed, tally.failed);
    return tally.failed == 0 && tally.passed > 0 ? 0 : 1;
}
