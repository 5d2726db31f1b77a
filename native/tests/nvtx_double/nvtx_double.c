/*
 * A stand-in for a profiler's NVTX library: it takes the functions that begin and end ranges, checks what the program gives it, and, as the process
 * ends, writes the names of all ranges and how often each began into the file that YZC_NVTX_REPORT names, one a line. Layouts and numbers are those
 * of NVTX 3's public headers.
 *   YZC_DOUBLE_REFUSES   does not want to be let in
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define API __attribute__((visibility("default")))

#ifdef YZC_DOUBLE_REFUSES
enum { TAKES = 0 };
#else
enum { TAKES = 1 };
#endif

typedef void (*function)(void);
typedef struct { size_t struct_size; int (*get_module)(int module, function ***table, unsigned *size); } callbacks;
typedef struct { size_t struct_size; uint32_t version, reserved; void (*set_version)(uint32_t version); } versions;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct { char name[64]; long count; } ranges[64];
static int names;
static long pops, wrong;
static _Thread_local int depth;

static int push(const char *name) {
    pthread_mutex_lock(&mutex);
    int r = 0;
    while (r < names && strcmp(ranges[r].name, name)) r++;
    if (r == names && names < 64) snprintf(ranges[names++].name, sizeof ranges[0].name, "%s", name);
    if (r < 64) ranges[r].count++;
    pthread_mutex_unlock(&mutex);
    return depth++;
}

static int pop(void) {
    if (depth == 0) __atomic_add_fetch(&wrong, 1, __ATOMIC_SEQ_CST);
    else depth--;
    __atomic_add_fetch(&pops, 1, __ATOMIC_SEQ_CST);
    return depth;
}

API int InitializeInjectionNvtx2(const void *(*export_table)(uint32_t number)) {
    const callbacks *give = export_table(1);
    const versions *version = export_table(3);
    function **table;
    unsigned size;
    if (export_table(2) || export_table(9) || !give || give->struct_size < sizeof *give || !version || version->version != 3) return 0;
    version->set_version(3);

    /* Every module has slots for all of its functions, and an end. */
    for (int module = 1; module <= 6; module++) {
        if (!give->get_module(module, &table, &size) || table[0] || table[size]) return 0;
        for (unsigned f = 1; f < size; f++) {
            if (!table[f]) return 0;
        }
    }
    if (give->get_module(7, &table, &size) || !give->get_module(1, &table, &size) || size < 12) return 0;
    *table[9] = (function)push;
    *table[11] = (function)pop;
    return TAKES;
}

API long yzc_count(const char *name) {
    for (int r = 0; r < names; r++) {
        if (!strcmp(ranges[r].name, name)) return ranges[r].count;
    }
    return 0;
}

API long yzc_pops(void) { return pops; }
API long yzc_wrong(void) { return wrong; }

__attribute__((destructor)) static void report(void) {
    const char *path = getenv("YZC_NVTX_REPORT");
    FILE *file = path ? fopen(path, "w") : 0;
    if (!file) return;
    for (int r = 0; r < names; r++) fprintf(file, "%s %ld\n", ranges[r].name, ranges[r].count);
    fprintf(file, "pops %ld\nwrong %ld\n", pops, wrong);
    fclose(file);
}
