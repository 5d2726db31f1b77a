// counting.c as a version that takes operators which a session brings along, and tells what its arena held.
#define YZC_DOUBLE_VERSION "1.30.0-double"
#include "counting.c"
