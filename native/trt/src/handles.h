// Handles are numbers that lead to shared objects. A freed number is never valid again, so a stale handle is told apart without touching
// freed memory; and an object that another thread is using when its handle is freed lives until that call is over.
#pragma once

#include "error.h"

#include <atomic>
#include <cstdint>
#include <memory>

namespace yzc
{

enum class Kind : uint8_t
{
    kNone,
    kLibrary,
    kRuntime,
    kEngine,
    kContext,
    kBuilder,
    kBlob
};

uint64_t addHandle(Kind kind, std::shared_ptr<void> object);
std::shared_ptr<void> findHandle(Kind kind, uint64_t handle);
std::shared_ptr<void> takeHandle(Kind kind, uint64_t handle);

// Handles that are not freed yet.
size_t liveHandles() noexcept;

template <typename T>
uint64_t add(std::shared_ptr<T> object)
{
    return addHandle(T::kKind, std::move(object));
}

template <typename T>
std::shared_ptr<T> find(uint64_t handle)
{
    return std::static_pointer_cast<T>(findHandle(T::kKind, handle));
}

// Takes the number out of use; the object goes when its last user lets go of it.
template <typename T>
void release(uint64_t handle)
{
    takeHandle(T::kKind, handle).reset();
}

// For objects that serve one thread at a time.
class OneAtATime
{
public:
    explicit OneAtATime(std::atomic_flag& flag)
        : mFlag(flag)
    {
        if (mFlag.test_and_set(std::memory_order_acquire))
        {
            throw Failure(YZC_TRT_E_BUSY, "another thread is inside a call on this object, which serves one thread at a time");
        }
    }

    ~OneAtATime()
    {
        mFlag.clear(std::memory_order_release);
    }

    OneAtATime(OneAtATime const&) = delete;
    OneAtATime& operator=(OneAtATime const&) = delete;

private:
    std::atomic_flag& mFlag;
};

// An export's whole body on such an object: finds it and keeps other threads out of it for one call.
template <typename T, typename Body>
int32_t alone(uint64_t handle, Body&& body) noexcept
{
    return guard([&] {
        std::shared_ptr<T> const found = find<T>(handle);
        OneAtATime const only(found->inUse());
        body(*found);
    });
}

} // namespace yzc
