// How tests steer and watch the double: calls that fail on demand, counts of calls, live objects and misuses.
#pragma once

#include <cstdint>
#include <string>

namespace yzc_double {

enum class verdict { go_on, fail, fail_silently };

// Counts a call by its method's name and says whether a test wants it to fail.
verdict enter(const char* call);

// Notes that the caller broke a rule which a real library answers with undefined behaviour.
void note_misuse(const std::string& what);

void count_live(const char* kind, int64_t change);

// A member that counts its owner among the live objects.
class counted {
public:
    explicit counted(const char* kind_name) : kind(kind_name) { count_live(kind, 1); }
    ~counted() { count_live(kind, -1); }
    counted(const counted&) = delete;
    counted& operator=(const counted&) = delete;

private:
    const char* kind;
};

}  // namespace yzc_double

#define YZC_DOUBLE_API extern "C" __attribute__((visibility("default")))

// The nth next call of that method fails: 1 is the next. Null takes all such wishes back. YZC_DOUBLE_FAIL="enqueueV3:2,setInputShape:1" does it from outside.
YZC_DOUBLE_API void yzc_double_fail(const char* call, int32_t nth);

// The same, and no word in log or error recorder.
YZC_DOUBLE_API void yzc_double_fail_silently(const char* call, int32_t nth);

// Objects that the caller has not destroyed: runtimes, engines, contexts, configurations, host memory, device allocations, sessions.
YZC_DOUBLE_API int64_t yzc_double_live();

// Of one kind: runtime, engine, context, config, builder, network, parser, memory, timing cache, allocation, session, recorder.
YZC_DOUBLE_API int64_t yzc_double_live_of(const char* kind);
YZC_DOUBLE_API int64_t yzc_double_calls(const char* call);
YZC_DOUBLE_API int64_t yzc_double_misuses();

// The first misuse since the last reset; empty when there was none. Valid until the next call.
YZC_DOUBLE_API const char* yzc_double_misuse();

// Clears wishes, calls and misuses; live objects stay what they are.
YZC_DOUBLE_API void yzc_double_reset();

// Sets one of the double's environment variables in this process, or takes it back with null: what a .NET program sets does not reach native code.
YZC_DOUBLE_API void yzc_double_setenv(const char* name, const char* value);
