// What the checks need of a device: the real one (driver API) or the emulated one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

struct grid {
    int x, y, z;
    int threads;
};

class device {
public:
    virtual ~device() = default;
    virtual std::string name() const = 0;
    virtual bool emulated() const = 0;
    virtual uint64_t allocate(size_t bytes) = 0;
    virtual void release(uint64_t address) = 0;
    virtual void upload(uint64_t to, const void* from, size_t bytes) = 0;
    virtual void download(void* to, uint64_t from, size_t bytes) = 0;
    virtual void launch(const char* kernel, const grid& grid, void* params) = 0;
    virtual void synchronize() = 0;

    // Microseconds of one turn: `issue` launches turn number i of `turns`; all are captured as one graph that is replayed `replays` times; median.
    virtual double time_graph(int turns, int replays, const std::function<void(int)>& issue) = 0;
};

// ptx_folder is not used by the emulated device.
std::unique_ptr<device> open_device(const std::string& ptx_folder);

// Device memory that is released with its owner.
class buffer {
public:
    buffer(device& owner, size_t bytes)
        : owner(owner)
        , address(owner.allocate(bytes == 0 ? 1 : bytes))
        , bytes(bytes)
    {
    }

    template <class T>
    buffer(device& owner, const std::vector<T>& values)
        : buffer(owner, values.size() * sizeof(T))
    {
        owner.upload(address, values.data(), bytes);
    }

    buffer(const buffer&) = delete;
    buffer& operator=(const buffer&) = delete;
    ~buffer() { owner.release(address); }

    template <class T>
    std::vector<T> read() const
    {
        std::vector<T> values(bytes / sizeof(T));
        owner.download(values.data(), address, values.size() * sizeof(T));
        return values;
    }

    void fill(uint8_t value) { owner.upload(address, std::vector<uint8_t>(bytes, value).data(), bytes); }

    device& owner;
    const uint64_t address;
    const size_t bytes;
};
