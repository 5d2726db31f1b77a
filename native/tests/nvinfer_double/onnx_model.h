// Reads of an ONNX file what a plan needs to know, with no library: inputs, outputs, nodes and metadata.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "plan.h"

namespace yzc_double {

struct onnx_model {
    std::string name;
    std::vector<tensor> tensors;  // inputs, then outputs
    std::vector<std::string> nodes;
    std::vector<std::string> operators;  // of the nodes
    std::map<std::string, std::string> metadata;
};

// Throws std::runtime_error.
onnx_model read_onnx(const std::vector<uint8_t>& bytes);

// Ultralytics' metadata as the JSON that its engine files begin with: values are Python literals in the ONNX file.
std::string metadata_json(const std::map<std::string, std::string>& metadata);

}  // namespace yzc_double
