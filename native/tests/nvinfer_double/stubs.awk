# Reads a header of TensorRT's and prints, for each class named in `classes`, a class stub_NAME that overrides every pure virtual method: the call is
# noted as one that the double does not play, and an empty value is returned. Made at build time, so that no list of NVIDIA's methods is kept here.
BEGIN {
    count = split(classes, list, ",")
    for (i = 1; i <= count; i++) wanted[list[i]] = 1
    print "#pragma once"
    print "#include \"stub_result.h\""
    print "#pragma GCC diagnostic ignored \"-Wdeprecated-declarations\""
}
/^namespace nvonnxparser/ && !opened { print "namespace yzc_double {\nusing namespace nvinfer1;\nusing namespace nvonnxparser;"; opened = 1 }
/^class V[A-Za-z]+ : public VRoot|^class IParser$/ {
    name = $2
    if (name in wanted) {
        if (!opened) { print "namespace yzc_double {\nusing namespace nvinfer1;\nusing namespace nvinfer1::apiv;"; opened = 1 }
        inside = 1
        print "class stub_" name " : public " name " {\npublic:"
        statement = ""
    }
    next
}
inside && /^};/ { print "};"; inside = 0; next }
inside && /^#/ { print; next }
inside {
    sub(/\/\/.*/, "")
    statement = statement " " $0
    if ($0 !~ /;[ \t]*$/) next
    text = statement
    statement = ""
    if (text !~ /= 0;/) next
    sub(/^.*virtual /, "", text)
    sub(/= 0;.*/, "", text)
    gsub(/ = nullptr/, "", text)
    gsub(/[ \t]+/, " ", text)
    head = text
    sub(/\(.*/, "", head)
    method = head
    sub(/^.*[ *&]/, "", method)
    type = substr(head, 1, length(head) - length(method))
    print "    " text " override { return stub_result<" type ">(\"" name "::" method "\"); }"
}
END { if (opened) print "}" }
