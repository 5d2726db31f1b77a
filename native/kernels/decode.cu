// From a model's output to detections, in two launches on one stream, with the results of the C# OutputDecoders, bit
// for bit.
// yzc_scan_*: many blocks find the candidates. Grid: x = segments, y = picture. Block: YZC_SCAN_THREADS.
// yzc_choose_pairs: likewise where a head needs no suppression.
// yzc_suppress: one block for each picture ranks them, suppresses and maps back. Grid: x = picture. Block: YZC_SUPPRESS_THREADS.
#include "scan.cuh"
#include "scan_head.cuh"
#include "suppress.cuh"
#include "scan_anchor_boxes.cuh"
#include "choose.cuh"

YZC_KERNEL(yzc_scan_channels_f32, YZC_SCAN_THREADS)(const yzc_decode_params params) { scan_channels<element32>(params); }
YZC_KERNEL(yzc_scan_channels_f16, YZC_SCAN_THREADS)(const yzc_decode_params params) { scan_channels<element16>(params); }
YZC_KERNEL(yzc_scan_anchors_f32, YZC_SCAN_THREADS)(const yzc_decode_params params) { scan_anchors<element32>(params); }
YZC_KERNEL(yzc_scan_anchors_f16, YZC_SCAN_THREADS)(const yzc_decode_params params) { scan_anchors<element16>(params); }
YZC_KERNEL(yzc_scan_finished_f32, YZC_SCAN_THREADS)(const yzc_decode_params params) { scan_finished<element32>(params); }
YZC_KERNEL(yzc_scan_finished_f16, YZC_SCAN_THREADS)(const yzc_decode_params params) { scan_finished<element16>(params); }
YZC_KERNEL(yzc_scan_head_f16, YZC_SCAN_THREADS)(const yzc_head_params params) { scan_head<false>(params); }
YZC_KERNEL(yzc_scan_best_f16, YZC_SCAN_THREADS)(const yzc_head_params params) { scan_head<true>(params); }
YZC_KERNEL(yzc_scan_anchor_boxes_f16, YZC_SCAN_THREADS)(const yzc_head_params params) { scan_anchor_boxes(params); }
YZC_KERNEL(yzc_suppress, YZC_SUPPRESS_THREADS)(const yzc_decode_params params) { suppress(params); }
YZC_KERNEL(yzc_choose_pairs, YZC_SUPPRESS_THREADS)(const yzc_head_params params) { choose(params); }
