// Has the export, but it gives nothing.
void *OrtGetApiBase(void) { return 0; }
