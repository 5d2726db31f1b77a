// Writes small ONNX models without a protobuf library: a chain of one-input nodes from "x" to "y".
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace yzc_test
{

class OnnxBytes
{
public:
    // Shape of the input: -1 for a dimension of its own name.
    explicit OnnxBytes(std::vector<int64_t> shape)
        : mShape(std::move(shape))
    {
    }

    OnnxBytes& node(std::string const& name, std::string const& op)
    {
        mNodes.emplace_back(name, op);
        return *this;
    }

    std::string bytes() const
    {
        std::string graph;
        for (size_t i = 0; i < mNodes.size(); i++)
        {
            std::string node;
            text(node, 1, i == 0 ? "x" : "t" + std::to_string(i));
            text(node, 2, i + 1 == mNodes.size() ? "y" : "t" + std::to_string(i + 1));
            text(node, 3, mNodes[i].first);
            text(node, 4, mNodes[i].second);
            text(graph, 1, node);
        }
        text(graph, 2, "graph");
        text(graph, 11, value("x"));
        text(graph, 12, value("y"));
        std::string opset;
        text(opset, 1, "");
        number(opset, 2, 17);
        std::string model;
        number(model, 1, 8); // IR version
        text(model, 7, graph);
        text(model, 8, opset);
        return model;
    }

private:
    static void varint(std::string& out, uint64_t value)
    {
        while (value >= 0x80)
        {
            out += static_cast<char>((value & 0x7F) | 0x80);
            value >>= 7;
        }
        out += static_cast<char>(value);
    }

    static void number(std::string& out, uint32_t field, uint64_t value)
    {
        varint(out, field << 3);
        varint(out, value);
    }

    static void text(std::string& out, uint32_t field, std::string const& value)
    {
        varint(out, (field << 3) | 2);
        varint(out, value.size());
        out += value;
    }

    std::string value(std::string const& name) const
    {
        std::string shape;
        for (size_t i = 0; i < mShape.size(); i++)
        {
            std::string dimension;
            if (mShape[i] < 0)
            {
                text(dimension, 2, "d" + std::to_string(i));
            }
            else
            {
                number(dimension, 1, static_cast<uint64_t>(mShape[i]));
            }
            text(shape, 1, dimension);
        }
        std::string tensor;
        number(tensor, 1, 1); // float
        text(tensor, 2, shape);
        std::string type;
        text(type, 1, tensor);
        std::string out;
        text(out, 1, name);
        text(out, 2, type);
        return out;
    }

    std::vector<int64_t> mShape;
    std::vector<std::pair<std::string, std::string>> mNodes;
};

} // namespace yzc_test
