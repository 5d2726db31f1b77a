/* Linked into programs that tests start. Their standard input is a pipe that the test program holds: whatever ends that, they end with it. */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static void *watch(void *none)
{
    (void)none;
    char byte;
    ssize_t length;
    do
        length = read(STDIN_FILENO, &byte, 1);
    while (length > 0 || (length < 0 && errno == EINTR));
    _exit(3);
}

__attribute__((constructor)) static void begin(void)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, watch, NULL) != 0)
        abort();
}
