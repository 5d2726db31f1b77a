// A library that is not ONNX Runtime.
int yzc_double_nothing(void) { return 0; }
