#include "onnx_model.h"

#include <cctype>
#include <cstring>
#include <set>
#include <stdexcept>

namespace yzc_double {
namespace {

// A protobuf message's bytes. Only what ONNX uses: numbers, byte strings and fixed-size fields that are passed over.
class message {
public:
    message(const uint8_t* from, size_t size) : next(from), end(from + size) {}

    // Moves to the next field; false at the end.
    bool advance()
    {
        if (next == end) {
            return false;
        }

        uint64_t key = number();
        field = static_cast<uint32_t>(key >> 3);
        switch (key & 7) {
        case 0:
            value = number();
            break;
        case 1:
            pass(8);
            break;
        case 2: {
            uint64_t size = number();
            content = next;
            pass(size);
            length = size;
            break;
        }
        case 5:
            pass(4);
            break;
        default:
            throw std::runtime_error("the ONNX file is damaged");
        }

        return true;
    }

    message inner() const { return {content, length}; }
    std::string text() const { return {reinterpret_cast<const char*>(content), length}; }

    uint32_t field = 0;
    uint64_t value = 0;

private:
    uint64_t number()
    {
        uint64_t result = 0;
        for (int shift = 0; shift < 64; shift += 7) {
            if (next == end) {
                break;
            }

            uint8_t byte = *next++;
            result |= static_cast<uint64_t>(byte & 0x7F) << shift;
            if ((byte & 0x80) == 0) {
                return result;
            }
        }

        throw std::runtime_error("the ONNX file is cut off");
    }

    void pass(uint64_t size)
    {
        if (size > static_cast<uint64_t>(end - next)) {
            throw std::runtime_error("the ONNX file is cut off");
        }

        next += size;
    }

    const uint8_t* next;
    const uint8_t* end;
    const uint8_t* content = nullptr;
    size_t length = 0;
};

element type_of(uint64_t onnx)
{
    switch (onnx) {
    case 1:
        return element::f32;
    case 2:
        return element::u8;
    case 3:
        return element::i8;
    case 6:
        return element::i32;
    case 7:
        return element::i64;
    case 9:
        return element::boolean;
    case 10:
        return element::f16;
    case 16:
        return element::bf16;
    default:
        throw std::runtime_error("a tensor has the ONNX type " + std::to_string(onnx) + ", which an engine cannot have");
    }
}

void read_dimension(message from, tensor& to)
{
    int64_t dimension = -1;
    std::string name;
    while (from.advance()) {
        if (from.field == 1) {
            dimension = static_cast<int64_t>(from.value);
        } else if (from.field == 2) {
            name = from.text();
        }
    }

    to.dimensions.push_back(dimension);
    to.names.push_back(name);
}

void read_type(message from, tensor& to)
{
    while (from.advance()) {
        if (from.field != 1) {
            throw std::runtime_error(to.name + " is no tensor");
        }

        for (message tensor_type = from.inner(); tensor_type.advance();) {
            if (tensor_type.field == 1) {
                to.type = type_of(tensor_type.value);
            } else if (tensor_type.field == 2) {
                for (message dimensions = tensor_type.inner(); dimensions.advance();) {
                    read_dimension(dimensions.inner(), to);
                }
            }
        }
    }
}

tensor read_value(message from, bool input)
{
    tensor value;
    value.input = input;
    while (from.advance()) {
        if (from.field == 1) {
            value.name = from.text();
        } else if (from.field == 2) {
            read_type(from.inner(), value);
        }
    }

    return value;
}

// The text of a field of a message that is otherwise passed over.
std::string text_in(message from, uint32_t field)
{
    std::string text;
    while (from.advance()) {
        if (from.field == field) {
            text = from.text();
        }
    }

    return text;
}

void read_graph(message from, onnx_model& to)
{
    constexpr uint32_t initializer_name = 8, node_name = 3, node_operator = 4;
    std::set<std::string> initializers;
    std::vector<tensor> outputs;
    while (from.advance()) {
        switch (from.field) {
        case 1:
            to.nodes.push_back(text_in(from.inner(), node_name));
            to.operators.push_back(text_in(from.inner(), node_operator));
            break;
        case 2:
            to.name = from.text();
            break;
        case 5:
            initializers.insert(text_in(from.inner(), initializer_name));
            break;
        case 11:
            to.tensors.push_back(read_value(from.inner(), true));
            break;
        case 12:
            outputs.push_back(read_value(from.inner(), false));
            break;
        default:
            break;
        }
    }

    // Old models list their weights among the inputs.
    std::vector<tensor> inputs = std::move(to.tensors);
    to.tensors.clear();
    for (tensor& input : inputs) {
        if (initializers.count(input.name) == 0) {
            to.tensors.push_back(std::move(input));
        }
    }

    to.tensors.insert(to.tensors.end(), outputs.begin(), outputs.end());
}

// Turns a Python literal into JSON. Throws std::invalid_argument for what is none; the value is plain text then.
class literal {
public:
    explicit literal(const std::string& from) : text(from) {}

    std::string json()
    {
        std::string result = value();
        skip();
        if (at != text.size()) {
            throw std::invalid_argument(text);
        }

        return result;
    }

    static std::string quoted(const std::string& value)
    {
        std::string result = "\"";
        for (char c : value) {
            if (c == '"' || c == '\\') {
                result += '\\';
            }

            result += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
        }

        return result + "\"";
    }

private:
    void skip()
    {
        while (at < text.size() && text[at] == ' ') {
            at++;
        }
    }

    bool take(const char* word)
    {
        skip();
        size_t size = std::strlen(word);
        bool same = text.compare(at, size, word) == 0;
        at += same ? size : 0;
        return same;
    }

    std::string value()
    {
        skip();
        for (auto [python, json] : {std::pair{"True", "true"}, std::pair{"False", "false"}, std::pair{"None", "null"}}) {
            if (take(python)) {
                return json;
            }
        }

        char first = at < text.size() ? text[at] : '\0';
        if (first == '\'' || first == '"') {
            return quoted(string());
        }

        if (first == '{') {
            return list("{", "}", true);
        }

        if (first == '[') {
            return list("[", "]", false);
        }

        return first == '(' ? list("(", ")", false) : number();
    }

    std::string string()
    {
        char quote = text[at++];
        std::string result;
        while (at < text.size() && text[at] != quote) {
            at += text[at] == '\\' ? 1 : 0;
            if (at < text.size()) {
                result += text[at++];
            }
        }

        if (at++ >= text.size()) {
            throw std::invalid_argument(text);
        }

        return result;
    }

    std::string number()
    {
        size_t used = 0;
        std::string rest = text.substr(at, 40);
        if (rest.empty() || (std::isdigit(static_cast<unsigned char>(rest[0])) == 0 && rest[0] != '-')) {
            throw std::invalid_argument(text);
        }

        std::stod(rest, &used);
        at += used;
        return rest.substr(0, used);
    }

    std::string list(const char* open, const char* close, bool pairs)
    {
        if (++depth > 16) {
            throw std::invalid_argument(text);
        }

        take(open);
        std::string result = pairs ? "{" : "[";
        for (bool first = true; !take(close); first = false) {
            if (!first) {
                if (!take(",")) {
                    throw std::invalid_argument(text);
                }

                if (take(close)) {
                    break;
                }

                result += ",";
            }

            std::string item = value();
            if (pairs) {
                result += item[0] == '"' ? item : quoted(item);
                if (!take(":")) {
                    throw std::invalid_argument(text);
                }

                item = ":" + value();
            }

            result += item;
        }

        depth--;
        return result + (pairs ? "}" : "]");
    }

    const std::string& text;
    size_t at = 0;
    int depth = 0;
};

}  // namespace

onnx_model read_onnx(const std::vector<uint8_t>& bytes)
{
    onnx_model model;
    for (message from(bytes.data(), bytes.size()); from.advance();) {
        if (from.field == 7) {
            read_graph(from.inner(), model);
        } else if (from.field == 14) {
            std::string key = text_in(from.inner(), 1);
            model.metadata[key] = text_in(from.inner(), 2);
        }
    }

    if (model.tensors.empty() || model.nodes.empty()) {
        throw std::runtime_error("the file is no ONNX model");
    }

    return model;
}

std::string metadata_json(const std::map<std::string, std::string>& metadata)
{
    std::string json = "{";
    for (const auto& [key, text] : metadata) {
        std::string value;
        try {
            value = literal(text).json();
        } catch (const std::logic_error&) {
            value = literal::quoted(text);
        }

        json += (json.size() == 1 ? "" : ", ") + literal::quoted(key) + ": " + value;
    }

    return json + "}";
}

}  // namespace yzc_double
