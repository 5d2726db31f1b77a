#include "handles.h"

#include <mutex>
#include <shared_mutex>
#include <vector>

namespace yzc
{

namespace
{

// A handle's bits: kind (8), generation (32), slot + 1 (24).
constexpr int kKindShift = 56;
constexpr int kGenerationShift = 24;
constexpr uint64_t kSlotMask = (1ULL << kGenerationShift) - 1;

struct Slot
{
    Kind kind{Kind::kNone};
    uint32_t generation{0};
    std::shared_ptr<void> object;
};

struct Table
{
    std::shared_mutex mutex;
    std::vector<Slot> slots;
    std::vector<uint32_t> unused;
    size_t live{0};
};

// Never destroyed: other threads may still call while the process ends.
Table& table()
{
    static Table* const instance = new Table;
    return *instance;
}

char const* nameOf(Kind kind) noexcept
{
    switch (kind)
    {
    case Kind::kLibrary: return "library";
    case Kind::kRuntime: return "runtime";
    case Kind::kEngine: return "engine";
    case Kind::kContext: return "context";
    case Kind::kBuilder: return "builder";
    case Kind::kBlob: return "blob";
    case Kind::kNone: break;
    }
    return "unknown";
}

Slot& checked(Table& all, Kind kind, uint64_t handle)
{
    std::string const wanted = nameOf(kind);
    if (handle == 0)
    {
        throw Failure(YZC_TRT_E_HANDLE, "the " + wanted + " handle is 0");
    }
    Kind const given = static_cast<Kind>(handle >> kKindShift);
    if (given != kind)
    {
        throw Failure(YZC_TRT_E_HANDLE, "a " + wanted + " handle is wanted, this is one of kind " + nameOf(given));
    }
    uint64_t const place = handle & kSlotMask;
    uint32_t const generation = static_cast<uint32_t>(handle >> kGenerationShift);
    if (place == 0 || place > all.slots.size() || all.slots[place - 1].generation != generation || all.slots[place - 1].kind != kind)
    {
        throw Failure(YZC_TRT_E_HANDLE, "this " + wanted + " handle was freed, or never was one");
    }
    return all.slots[place - 1];
}

} // namespace

uint64_t addHandle(Kind kind, std::shared_ptr<void> object)
{
    Table& all = table();
    std::unique_lock<std::shared_mutex> const lock(all.mutex);
    uint32_t place = 0;
    if (all.unused.empty())
    {
        if (all.slots.size() >= kSlotMask)
        {
            throw Failure(YZC_TRT_E_OUT_OF_MEMORY, "too many handles are alive");
        }
        // So that freeing never has to allocate.
        all.unused.reserve(all.slots.size() + 1);
        all.slots.emplace_back();
        place = static_cast<uint32_t>(all.slots.size() - 1);
    }
    else
    {
        place = all.unused.back();
        all.unused.pop_back();
    }
    Slot& slot = all.slots[place];
    slot.kind = kind;
    slot.object = std::move(object);
    all.live++;
    return (static_cast<uint64_t>(kind) << kKindShift) | (static_cast<uint64_t>(slot.generation) << kGenerationShift) | (place + 1ULL);
}

std::shared_ptr<void> findHandle(Kind kind, uint64_t handle)
{
    Table& all = table();
    std::shared_lock<std::shared_mutex> const lock(all.mutex);
    return checked(all, kind, handle).object;
}

std::shared_ptr<void> takeHandle(Kind kind, uint64_t handle)
{
    Table& all = table();
    std::unique_lock<std::shared_mutex> const lock(all.mutex);
    Slot& slot = checked(all, kind, handle);
    std::shared_ptr<void> object = std::move(slot.object);
    slot.kind = Kind::kNone;
    slot.generation++;
    all.unused.push_back(static_cast<uint32_t>((handle & kSlotMask) - 1));
    all.live--;
    return object;
}

size_t liveHandles() noexcept
{
    Table& all = table();
    std::shared_lock<std::shared_mutex> const lock(all.mutex);
    return all.live;
}

} // namespace yzc
