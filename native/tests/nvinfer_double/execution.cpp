#include <stdexcept>

#include "context.h"

namespace yzc_double {
namespace {

// The first run takes memory and the next may take some more, since they find it divided otherwise. A capture must not take any.
constexpr int warm_up_runs = 4;

}  // namespace

execution::execution(const plan& model, const std::vector<ort::place>& tensors, const ort::device& where)
{
    if (!where.cuda) {
        open(model, tensors, where, false);
        return;
    }

    for (int attempt = 0; attempt < 2; attempt++) {
        try {
            open(model, tensors, where, true);
            return;
        } catch (const std::runtime_error& error) {
            // A capture that another thread broke is reported once more, so a second attempt tells the truth.
            if (!ort::is_capture_refusal(error.what())) {
                throw;
            }

            reason = error.what();
            bound.reset();
            session.reset();
        }
    }

    open(model, tensors, where, false);
}

void execution::open(const plan& model, const std::vector<ort::place>& tensors, const ort::device& where, bool capturable)
{
    std::vector<ort::place> inputs;
    for (const ort::place& each : tensors) {
        if (each.what->input) {
            inputs.push_back(each);
        }
    }

    session = std::make_unique<ort::session>(model, inputs, where, capturable);
    bound = std::make_unique<ort::binding>(*session, tensors, where);
    if (!where.cuda) {
        return;
    }

    // Neither capture nor replay by the runtime: the caller captures.
    bound->set_option("gpu_graph_id", "-1");
    for (int i = 0; i < warm_up_runs; i++) {
        bound->run();
    }

    if (capturable) {
        reason.clear();
        bound->set_option("disable_synchronize_execution_providers", "1");
    }
}

}  // namespace yzc_double
