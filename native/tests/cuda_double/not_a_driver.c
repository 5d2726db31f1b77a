/* A library that loads, but is no CUDA driver. */
int yzc_not_a_driver(void);

int yzc_not_a_driver(void) { return 1; }
