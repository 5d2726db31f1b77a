namespace YoloZeroCopy;

/// <summary>How a detection model lays out its output.</summary>
public enum OutputLayout
{
    /// <summary><c>[N, 4 + C, A]</c>: per anchor a box (centre x, centre y, width, height) and C class scores, channel first. YOLOv8, v9, 11,
    /// 12.</summary>
    ChannelsFirst,

    /// <summary><c>[N, A, 5 + C]</c>: per anchor a box (centre x, centre y, width, height), an objectness and C class scores. YOLOv5.</summary>
    AnchorsFirst,

    /// <summary><c>[N, K, 6]</c>: K finished detections (x1, y1, x2, y2, score, class). YOLOv10, YOLO26 and exports with NMS inside.</summary>
    EndToEnd,
}
