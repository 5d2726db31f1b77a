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
    (*exec)->flags = (int)flags;
    return 0;
}

API CUresult cuGraphLaunch(object *exec, object *stream) {
    ENTER;
    CURRENT;
    FIND(e, EXEC, exec);
    FIND(s, STREAM, stream);
    (void)s;
    e->recorded++;
    return 0;
}
#endif

API CUresult cuGraphUpload(object *exec, object *stream) {
    ENTER;
    CURRENT;
    FIND(e, EXEC, exec);
    FIND(s, STREAM, stream);
    (void)e;
    (void)s;
    return 0;
}

API CUresult cuGraphExecDestroy(object *exec) {
    ENTER;
    CURRENT;
    FIND(e, EXEC, exec);
    e->alive = 0;
    return 0;
}

static CUresult update(object *exec, object *graph, int *result) {
    *result = exec->nodes == graph->nodes ? 0 : CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED;
    return *result ? CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE : 0;
}

API CUresult cuGraphExecUpdate(object *exec, object *graph, void **node, int *result) {
    ENTER;
    CURRENT;
    FIND(e, EXEC, exec);
    FIND(g, GRAPH, graph);
    *node = NULL;
    return update(e, g, result);
}

#ifndef YZC_DOUBLE_ONLY_11_8
API CUresult cuGraphExecUpdate_v2(object *exec, object *graph, CUgraphExecUpdateResultInfo *info) {
    ENTER;
    CURRENT;
    FIND(e, EXEC, exec);
    FIND(g, GRAPH, graph);
    return update(e, g, &info->result);
}
#endif
