#include "control.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <mutex>
#include <vector>

namespace yzc_double {
namespace {

struct wish {
    std::string call;
    int64_t nth;
    bool silent;
};

struct state {
    std::mutex mutex;
    std::vector<wish> wishes;
    std::map<std::string, int64_t> calls;
    std::map<std::string, int64_t> live;
    int64_t misuses = 0;
    std::string misuse;

    state()
    {
        const char* variable = std::getenv("YZC_DOUBLE_FAIL");
        std::string text = variable == nullptr ? "" : variable;
        for (size_t at = 0; at < text.size();) {
            size_t end = std::min(text.find(',', at), text.size());
            std::string part = text.substr(at, end - at);
            size_t colon = part.find(':');
            int64_t nth = colon == std::string::npos ? 1 : std::atoll(part.c_str() + colon + 1);
            wishes.push_back({part.substr(0, colon), nth, false});
            at = end + 1;
        }
    }
};

// Never destroyed: objects of the caller may go after this library's own.
state& shared()
{
    static auto* value = new state;
    return *value;
}

void add_wish(const char* call, int32_t nth, bool silent)
{
    std::lock_guard<std::mutex> lock(shared().mutex);
    if (call == nullptr) {
        shared().wishes.clear();
    } else if (nth > 0) {
        shared().wishes.push_back({call, nth, silent});
    }
}

}  // namespace

verdict enter(const char* call)
{
    std::lock_guard<std::mutex> lock(shared().mutex);
    shared().calls[call]++;
    std::vector<wish>& wishes = shared().wishes;
    for (size_t i = 0; i < wishes.size(); i++) {
        if (wishes[i].call == call && --wishes[i].nth == 0) {
            bool silent = wishes[i].silent;
            wishes.erase(wishes.begin() + static_cast<std::ptrdiff_t>(i));
            return silent ? verdict::fail_silently : verdict::fail;
        }
    }

    return verdict::go_on;
}

void note_misuse(const std::string& what)
{
    std::lock_guard<std::mutex> lock(shared().mutex);
    if (shared().misuses++ == 0) {
        shared().misuse = what;
    }
}

void count_live(const char* kind, int64_t change)
{
    std::lock_guard<std::mutex> lock(shared().mutex);
    shared().live[kind] += change;
}

}  // namespace yzc_double

using yzc_double::shared;

void yzc_double_fail(const char* call, int32_t nth)
{
    yzc_double::add_wish(call, nth, false);
}

void yzc_double_fail_silently(const char* call, int32_t nth)
{
    yzc_double::add_wish(call, nth, true);
}

int64_t yzc_double_live()
{
    std::lock_guard<std::mutex> lock(shared().mutex);
    int64_t count = 0;
    for (const auto& [kind, live] : shared().live) {
        count += live;
    }

    return count;
}

int64_t yzc_double_live_of(const char* kind)
{
    std::lock_guard<std::mutex> lock(shared().mutex);
    auto found = shared().live.find(kind);
    return found == shared().live.end() ? 0 : found->second;
}

int64_t yzc_double_calls(const char* call)
{
    std::lock_guard<std::mutex> lock(shared().mutex);
    auto found = shared().calls.find(call);
    return found == shared().calls.end() ? 0 : found->second;
}

int64_t yzc_double_misuses()
{
    std::lock_guard<std::mutex> lock(shared().mutex);
    return shared().misuses;
}

const char* yzc_double_misuse()
{
    std::lock_guard<std::mutex> lock(shared().mutex);
    return shared().misuse.c_str();
}

void yzc_double_reset()
{
    std::lock_guard<std::mutex> lock(shared().mutex);
    shared().wishes.clear();
    shared().calls.clear();
    shared().misuses = 0;
    shared().misuse.clear();
}

void yzc_double_setenv(const char* name, const char* value)
{
    if (value == nullptr) {
        unsetenv(name);
    } else {
        setenv(name, value, 1);
    }
}
