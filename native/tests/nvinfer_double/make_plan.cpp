// Writes plans of the test double: make_double_plan MODEL.onnx OUT.engine --profile images=1x3x640x640:4x3x640x640:8x3x640x640 ...
#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>

#include "onnx_model.h"

namespace {

using namespace yzc_double;

constexpr const char* usage =
    "usage: make_double_plan MODEL.onnx OUT.engine [options]\n"
    "  --library FILE         take TensorRT's version from this library (the double)\n"
    "  --version A.B.C.D      or this version\n"
    "  --profile TEXT         input=MIN:OPT:MAX, more inputs after a comma; a shape is 1x3x640x640. Once for each profile\n"
    "  --memory BYTES         activation memory of every profile at its maximum (default: 16 times its input)\n"
    "  --arch N               compute capability it was \"built\" for, as 90; 0 is any (default)\n"
    "  --flags N              1 version compatible, 2 lean runtime inside, 4 Ampere and newer, 8 weight streaming, 16 refittable\n"
    "  --weights BYTES        weight memory it asks of the allocator (default: 1 MB)\n"
    "  --ultralytics          begin with the JSON header that Ultralytics writes\n"
    "  --metadata FILE        the same, with this JSON\n";

struct arguments {
    std::string model, output, library, version, metadata_file;
    std::vector<std::string> profiles;
    uint64_t memory = 0, weights = 1 << 20;
    uint32_t architecture = 0, flags = 0;
    bool ultralytics = false;
};

[[noreturn]] void fail(const std::string& text)
{
    throw std::runtime_error(text);
}

std::vector<uint8_t> read_file(const std::string& path)
{
    std::ifstream file(path, std::ios::binary);
    if (!file) {
        fail("cannot read " + path);
    }

    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::vector<std::string> split(const std::string& text, char separator)
{
    std::vector<std::string> parts;
    size_t at = 0;
    for (size_t end = text.find(separator); end != std::string::npos; end = text.find(separator, at)) {
        parts.push_back(text.substr(at, end - at));
        at = end + 1;
    }

    parts.push_back(text.substr(at));
    return parts;
}

shape parse_shape(const std::string& text)
{
    shape dimensions;
    for (const std::string& part : split(text, 'x')) {
        char* end = nullptr;
        long long value = std::strtoll(part.c_str(), &end, 10);
        if (part.empty() || *end != '\0' || value <= 0) {
            fail("'" + text + "' is no shape like 1x3x640x640");
        }

        dimensions.push_back(value);
    }

    return dimensions;
}

arguments parse(int count, char** values)
{
    arguments result;
    std::vector<std::string> plain;
    for (int i = 1; i < count; i++) {
        std::string name = values[i];
        if (name == "--ultralytics") {
            result.ultralytics = true;
            continue;
        }

        if (name.rfind("--", 0) != 0) {
            plain.push_back(name);
            continue;
        }

        if (i + 1 == count) {
            fail(name + " needs a value\n" + usage);
        }

        std::string value = values[++i];
        if (name == "--library") {
            result.library = value;
        } else if (name == "--version") {
            result.version = value;
        } else if (name == "--profile") {
            result.profiles.push_back(value);
        } else if (name == "--memory") {
            result.memory = std::strtoull(value.c_str(), nullptr, 10);
        } else if (name == "--weights") {
            result.weights = std::strtoull(value.c_str(), nullptr, 10);
        } else if (name == "--arch") {
            result.architecture = static_cast<uint32_t>(std::atoi(value.c_str()));
        } else if (name == "--flags") {
            result.flags = static_cast<uint32_t>(std::atoi(value.c_str()));
        } else if (name == "--metadata") {
            result.metadata_file = value;
        } else {
            fail("unknown option " + name + "\n" + usage);
        }
    }

    if (plain.size() != 2 || (result.library.empty() && result.version.empty())) {
        fail(usage);
    }

    result.model = plain[0];
    result.output = plain[1];
    return result;
}

version version_of(const arguments& given)
{
    if (!given.version.empty()) {
        return version_from(given.version);
    }

    void* library = dlopen(given.library.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) {
        fail(dlerror());
    }

    version value{};
    const char* names[] = {"getInferLibMajorVersion", "getInferLibMinorVersion", "getInferLibPatchVersion", "getInferLibBuildVersion"};
    for (size_t i = 0; i < value.size(); i++) {
        auto function = reinterpret_cast<int32_t (*)()>(dlsym(library, names[i]));
        if (function == nullptr) {
            fail(given.library + " does not export " + names[i]);
        }

        value[i] = static_cast<uint8_t>(function());
    }

    return value;
}

void add_profile(plan& to, const std::string& text, uint64_t memory)
{
    uint64_t bytes = 0;
    for (tensor& each : to.tensors) {
        if (!each.input) {
            continue;
        }

        range limits{each.dimensions, each.dimensions, each.dimensions};
        for (const std::string& part : split(text, ',')) {
            size_t equals = part.find('=');
            if (equals != std::string::npos && part.substr(0, equals) == each.name) {
                std::vector<std::string> shapes = split(part.substr(equals + 1), ':');
                if (shapes.size() != 3) {
                    fail("'" + part + "' is not input=MIN:OPT:MAX");
                }

                limits = {parse_shape(shapes[0]), parse_shape(shapes[1]), parse_shape(shapes[2])};
            }
        }

        for (size_t i = 0; i < each.dimensions.size(); i++) {
            bool same_rank = limits.min.size() == each.dimensions.size() && limits.opt.size() == limits.min.size() && limits.max.size() == limits.min.size();
            if (!same_rank || limits.min[i] <= 0 || limits.min[i] > limits.opt[i] || limits.opt[i] > limits.max[i]
                || (each.dimensions[i] >= 0 && (limits.min[i] != each.dimensions[i] || limits.max[i] != each.dimensions[i]))) {
                fail("profile '" + text + "' does not fit input " + each.name + " " + text_of(each.dimensions));
            }
        }

        bytes += 16 * static_cast<uint64_t>(elements_of(limits.max) * bytes_of(each.type));
        each.profiles.push_back(std::move(limits));
    }

    to.memory.push_back(((memory != 0 ? memory : bytes) + 255) / 256 * 256);
}

void write(const arguments& given)
{
    plan made;
    made.onnx = read_file(given.model);
    onnx_model model = read_onnx(made.onnx);
    made.built_by = version_of(given);
    made.architecture = given.architecture;
    made.flags = given.flags;
    made.weight_bytes = given.weights;
    made.name = model.name;
    made.layers = std::move(model.nodes);
    made.tensors = std::move(model.tensors);
    std::vector<std::string> profiles = given.profiles;
    if (profiles.empty()) {
        profiles.emplace_back();
    }

    for (const std::string& profile : profiles) {
        add_profile(made, profile, given.memory);
    }

    std::vector<uint8_t> bytes = write_plan(made);
    std::ofstream file(given.output, std::ios::binary);
    if (given.ultralytics || !given.metadata_file.empty()) {
        std::vector<uint8_t> json;
        if (given.metadata_file.empty()) {
            std::string text = metadata_json(model.metadata);
            json.assign(text.begin(), text.end());
        } else {
            json = read_file(given.metadata_file);
        }

        auto length = static_cast<uint32_t>(json.size());
        file.write(reinterpret_cast<const char*>(&length), sizeof length);
        file.write(reinterpret_cast<const char*>(json.data()), static_cast<std::streamsize>(json.size()));
    }

    file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    if (!file.flush()) {
        fail("cannot write " + given.output);
    }
}

}  // namespace

int main(int count, char** values)
{
    try {
        write(parse(count, values));
        return 0;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 2;
    }
}
