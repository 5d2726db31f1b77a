/* Part of cuda_double.c: graphs. */

API CUresult cuGraphDestroy(object *graph) {
    ENTER;
    CURRENT;
    FIND(g, GRAPH, graph);
    g->alive = 0;
    return 0;
}

API CUresult cuGraphGetNodes(object *graph, void **nodes, size_t *count) {
    ENTER;
    HEALTHY;
    FIND(g, GRAPH, graph);
    if (nodes) return CUDA_ERROR_INVALID_VALUE;
    *count = (size_t)g->nodes;
    return 0;
}

#ifndef YZC_DOUBLE_LACKS_GRAPHS
API CUresult cuGraphInstantiateWithFlags(object **exec, object *graph, unsigned long long flags) {
    ENTER;
    CURRENT;
    FIND(g, GRAPH, graph);
    *exec = make(EXEC, current->device, NULL, 0);
    (*exec)->nodes = g->nodes;
    (*exec)->works = g->works;
    (*exec)->flags = (int)flags;
    return 0;
}

API CUresult cuGraphLaunch(object *exec, object *stream) {
    ENTER;
    CURRENT;
    FIND(e, EXEC, exec);
    FIND(s, STREAM, stream);
    e->recorded++;
    if (*setting_of("delay", s->device)) {
        long long *busy = &devices[s->device].busy_until;
        long long start = nanoseconds() > *busy ? nanoseconds() : *busy;
        if (s->ready_at > start) start = s->ready_at;
        s->ready_at = *busy = start + *setting_of("delay", s->device);
    }
    for (size_t i = 0; i < e->works.count; i++) note_work(s, e->works.at[i]);
    return 0;
}
#endif

API CUresult cuGraphExecDestroy(object *exec) {
    ENTER;
    CURRENT;
    FIND(e, EXEC, exec);
    e->alive = 0;
    return 0;
}
