#include "plan.h"

#include <algorithm>
#include <cstring>

namespace yzc_double {
namespace {

constexpr uint32_t own_section = 0x44435A59;  // "YZCD"
constexpr uint32_t own_version = 1;
constexpr uint32_t end_mark = 0x8b8d8b99;
constexpr uint32_t maximum_rank = 8;

// Laid out as real plans are: tag, layout version, number of sections, length of the whole, the library's version; a table with tag, offset and
// length of each section; the sections; a mark at the next multiple of 8. Ours has one section, and its checksum between table and section.
constexpr size_t at_count = 8, at_size = 16, at_version = 24, at_section = 32, at_offset = 40, at_bytes = 48, at_checksum = 56;

uint64_t checksum(const uint8_t* bytes, size_t size)
{
    // FNV-1a over words: enough to see damage, and quick enough for models of many megabytes.
    uint64_t hash = 1469598103934665603U;
    size_t i = 0;
    for (; i + 8 <= size; i += 8) {
        uint64_t word;
        std::memcpy(&word, bytes + i, 8);
        hash = (hash ^ word) * 1099511628211U;
    }

    for (; i < size; i++) {
        hash = (hash ^ bytes[i]) * 1099511628211U;
    }

    return hash;
}

template <typename T>
T number_at(const uint8_t* bytes, size_t at)
{
    T value;
    std::memcpy(&value, bytes + at, sizeof value);
    return value;
}

template <typename T>
void put_at(std::vector<uint8_t>& bytes, size_t at, T value)
{
    std::memcpy(bytes.data() + at, &value, sizeof value);
}

class writer {
public:
    template <typename T>
    void number(T value)
    {
        const auto* from = reinterpret_cast<const uint8_t*>(&value);
        bytes.insert(bytes.end(), from, from + sizeof value);
    }

    void text(const std::string& value)
    {
        number(static_cast<uint32_t>(value.size()));
        bytes.insert(bytes.end(), value.begin(), value.end());
    }

    void dimensions(const shape& value)
    {
        number(static_cast<uint32_t>(value.size()));
        for (int64_t dimension : value) {
            number(dimension);
        }
    }

    std::vector<uint8_t> bytes;
};

class reader {
public:
    reader(const uint8_t* from, size_t count) : next(from), left(count) {}

    template <typename T>
    T number()
    {
        T value;
        std::memcpy(&value, take(sizeof value), sizeof value);
        return value;
    }

    // A count of things of which each takes at least `least` bytes.
    uint32_t count(size_t least)
    {
        uint32_t value = number<uint32_t>();
        if (value > left / least) {
            throw damaged_plan("a count is larger than what follows it");
        }

        return value;
    }

    std::string text()
    {
        uint32_t size = count(1);
        return std::string(reinterpret_cast<const char*>(take(size)), size);
    }

    shape dimensions()
    {
        uint32_t rank = count(8);
        if (rank > maximum_rank) {
            throw damaged_plan("a tensor has more than 8 dimensions");
        }

        shape value(rank);
        for (int64_t& dimension : value) {
            dimension = number<int64_t>();
        }

        return value;
    }

    const uint8_t* take(size_t size)
    {
        if (size > left) {
            throw damaged_plan("it ends too early");
        }

        const uint8_t* from = next;
        next += size;
        left -= size;
        return from;
    }

    size_t remaining() const { return left; }

private:
    const uint8_t* next;
    size_t left;
};

void write_tensor(writer& to, const tensor& value)
{
    to.text(value.name);
    to.number<uint8_t>(value.input);
    to.number(static_cast<int32_t>(value.type));
    to.dimensions(value.dimensions);
    for (size_t i = 0; i < value.dimensions.size(); i++) {
        to.text(i < value.names.size() ? value.names[i] : std::string());
    }

    to.number(static_cast<uint32_t>(value.profiles.size()));
    for (const range& profile : value.profiles) {
        to.dimensions(profile.min);
        to.dimensions(profile.opt);
        to.dimensions(profile.max);
    }
}

tensor read_tensor(reader& from, size_t profiles)
{
    tensor value;
    value.name = from.text();
    value.input = from.number<uint8_t>() != 0;
    value.type = static_cast<element>(from.number<int32_t>());
    bytes_of(value.type);
    value.dimensions = from.dimensions();
    for (size_t i = 0; i < value.dimensions.size(); i++) {
        value.names.push_back(from.text());
    }

    uint32_t count = from.count(12);
    if (count != (value.input ? profiles : 0)) {
        throw damaged_plan("tensor " + value.name + " has " + std::to_string(count) + " profiles");
    }

    for (uint32_t i = 0; i < count; i++) {
        range profile{from.dimensions(), from.dimensions(), from.dimensions()};
        for (const shape* dimensions : {&profile.min, &profile.opt, &profile.max}) {
            if (dimensions->size() != value.dimensions.size() || elements_of(*dimensions) <= 0) {
                throw damaged_plan("a profile of tensor " + value.name + " has the shape " + text_of(*dimensions));
            }
        }

        value.profiles.push_back(std::move(profile));
    }

    return value;
}

}  // namespace

uint64_t plan_size(const uint8_t* bytes, size_t size)
{
    reader from(bytes, size);
    if (from.number<uint32_t>() != plan_tag) {
        throw damaged_plan("it does not begin with a plan's tag");
    }

    if (uint32_t serialization = from.number<uint32_t>(); serialization != 0) {
        throw damaged_plan("serialization version " + std::to_string(serialization) + " is not 0");
    }

    if (size < plan_header_bytes) {
        throw damaged_plan("it ends in its header");
    }

    bool own = number_at<uint64_t>(bytes, at_count) == 1 && number_at<uint32_t>(bytes, at_section) == own_section;
    if (!own || number_at<uint64_t>(bytes, at_offset) != plan_header_bytes) {
        throw damaged_plan("it is no plan of this test double, and real plans cannot be run by it");
    }

    auto whole = number_at<uint64_t>(bytes, at_size);
    if (whole < plan_header_bytes + sizeof end_mark) {
        throw damaged_plan("its size is smaller than its header");
    }

    return whole;
}

version plan_version(const uint8_t* bytes, size_t size)
{
    plan_size(bytes, size);
    version value;
    std::memcpy(value.data(), bytes + at_version, value.size());
    return value;
}

plan read_plan(const uint8_t* bytes, size_t size)
{
    uint64_t whole = plan_size(bytes, size);
    if (whole != size) {
        throw damaged_plan("it should have " + std::to_string(whole) + " bytes and has " + std::to_string(size));
    }

    auto section = number_at<uint64_t>(bytes, at_bytes);
    uint64_t mark = (plan_header_bytes + section + 7) / 8 * 8;
    if (section > whole || mark + sizeof end_mark != whole || number_at<uint32_t>(bytes, mark) != end_mark) {
        throw damaged_plan("the mark at its end is missing");
    }

    if (number_at<uint64_t>(bytes, at_checksum) != checksum(bytes + plan_header_bytes, section)) {
        throw damaged_plan("its checksum does not match");
    }

    plan value;
    std::memcpy(value.built_by.data(), bytes + at_version, value.built_by.size());
    reader from(bytes + plan_header_bytes, section);
    if (auto own = from.number<uint32_t>(); own != own_version) {
        throw damaged_plan("the test double's own version is " + std::to_string(own));
    }

    value.architecture = from.number<uint32_t>();
    value.flags = from.number<uint32_t>();
    value.weight_bytes = from.number<uint64_t>();
    value.name = from.text();
    for (uint32_t layers = from.count(4); layers > 0; layers--) {
        value.layers.push_back(from.text());
    }

    for (uint32_t profiles = from.count(8); profiles > 0; profiles--) {
        value.memory.push_back(from.number<uint64_t>());
    }

    for (uint32_t tensors = from.count(17); tensors > 0; tensors--) {
        value.tensors.push_back(read_tensor(from, value.memory.size()));
    }

    size_t onnx = from.remaining();
    const uint8_t* model = from.take(onnx);
    value.onnx.assign(model, model + onnx);
    return value;
}

std::vector<uint8_t> write_plan(const plan& value)
{
    writer body;
    body.number(own_version);
    body.number(value.architecture);
    body.number(value.flags);
    body.number(value.weight_bytes);
    body.text(value.name);
    body.number(static_cast<uint32_t>(value.layers.size()));
    for (const std::string& layer : value.layers) {
        body.text(layer);
    }

    body.number(static_cast<uint32_t>(value.memory.size()));
    for (uint64_t bytes : value.memory) {
        body.number(bytes);
    }

    body.number(static_cast<uint32_t>(value.tensors.size()));
    for (const tensor& each : value.tensors) {
        write_tensor(body, each);
    }

    body.bytes.insert(body.bytes.end(), value.onnx.begin(), value.onnx.end());
    uint64_t mark = (plan_header_bytes + body.bytes.size() + 7) / 8 * 8;
    std::vector<uint8_t> bytes(mark + sizeof end_mark);
    put_at(bytes, 0, plan_tag);
    put_at(bytes, at_count, uint64_t{1});
    put_at(bytes, at_size, static_cast<uint64_t>(bytes.size()));
    std::memcpy(bytes.data() + at_version, value.built_by.data(), value.built_by.size());
    put_at(bytes, at_section, own_section);
    put_at(bytes, at_offset, static_cast<uint64_t>(plan_header_bytes));
    put_at(bytes, at_bytes, static_cast<uint64_t>(body.bytes.size()));
    put_at(bytes, at_checksum, checksum(body.bytes.data(), body.bytes.size()));
    put_at(bytes, mark, end_mark);
    std::copy(body.bytes.begin(), body.bytes.end(), bytes.begin() + static_cast<std::ptrdiff_t>(plan_header_bytes));
    return bytes;
}

}  // namespace yzc_double
