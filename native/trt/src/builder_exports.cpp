#include "blob.h"
#include "builder.h"
#include "structs.h"

namespace
{

yzc_trt_issue toIssue(yzc::Issue const& kept)
{
    yzc_trt_issue issue{};
    issue.code = kept.code;
    issue.node = kept.node;
    issue.line = kept.line;
    issue.node_name = kept.nodeName.c_str();
    issue.node_op = kept.nodeOp.c_str();
    issue.description = kept.description.c_str();
    issue.file = kept.file.c_str();
    issue.function = kept.function.c_str();
    return issue;
}

} // namespace

int32_t yzc_trt_builder_create(yzc_trt_library library, const yzc_trt_builder_options* options, yzc_trt_builder* builder)
{
    return yzc::guard([&] {
        yzc::require(builder != nullptr, "builder is null");
        yzc_trt_builder_options known{};
        known.optimization_level = -1;
        known.auxiliary_streams = -1;
        if (options != nullptr)
        {
            known = yzc::readStruct(options, "builder options");
        }
        *builder = yzc::add(std::make_shared<yzc::Builder>(yzc::find<yzc::Library>(library), known));
    });
}

int32_t yzc_trt_builder_free(yzc_trt_builder builder)
{
    return yzc::guard([&] { yzc::release<yzc::Builder>(builder); });
}

int32_t yzc_trt_builder_parse_file(yzc_trt_builder builder, const char* path)
{
    return yzc::alone<yzc::Builder>(builder, [&](yzc::Builder& found) { found.parseFile(path); });
}

int32_t yzc_trt_builder_issue_count(yzc_trt_builder builder, int32_t* count)
{
    return yzc::alone<yzc::Builder>(builder, [&](yzc::Builder& found) {
        yzc::require(count != nullptr, "count is null");
        *count = static_cast<int32_t>(found.issues().size());
    });
}

int32_t yzc_trt_builder_issue(yzc_trt_builder builder, int32_t index, yzc_trt_issue* issue)
{
    return yzc::alone<yzc::Builder>(builder, [&](yzc::Builder& found) {
        yzc::require(index >= 0 && static_cast<size_t>(index) < found.issues().size(), "there is no issue of this index");
        yzc::writeStruct(issue, toIssue(found.issues()[static_cast<size_t>(index)]), "issue");
    });
}

int32_t yzc_trt_builder_add_profile(yzc_trt_builder builder, const yzc_trt_profile_input* inputs, int32_t count)
{
    return yzc::alone<yzc::Builder>(builder, [&](yzc::Builder& found) { found.addProfile(inputs, count); });
}

int32_t yzc_trt_builder_build(yzc_trt_builder builder, yzc_trt_blob* plan)
{
    return yzc::alone<yzc::Builder>(builder, [&](yzc::Builder& found) {
        yzc::require(plan != nullptr, "plan is null");
        *plan = yzc::add(std::make_shared<yzc::Blob>(found.library(), found.build()));
    });
}

int32_t yzc_trt_builder_cancel(yzc_trt_builder builder)
{
    return yzc::guard([&] { yzc::find<yzc::Builder>(builder)->progress().cancel(); });
}

int32_t yzc_trt_builder_timing_cache(yzc_trt_builder builder, yzc_trt_blob* cache)
{
    return yzc::alone<yzc::Builder>(builder, [&](yzc::Builder& found) {
        yzc::require(cache != nullptr, "cache is null");
        *cache = yzc::add(std::make_shared<yzc::Blob>(found.library(), found.timingCache()));
    });
}
