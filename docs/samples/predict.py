"""A deployment in small: python predict.py MODEL IMAGES PREDICTIONS."""

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import onnxruntime

SIDE, CONFIDENCE, IOU, MOST = 320, 0.25, 0.7, 300


def letterbox(image):
    """The image on a gray square, its scale along each axis, and where its corner lies."""
    height, width = image.shape[:2]
    gain = min(SIDE / height, SIDE / width)
    size = round(width * gain), round(height * gain)  # whole pixels: each axis now has a scale of its own
    left, top = (round((SIDE - side) / 2 - 0.1) for side in size)
    square = np.full((SIDE, SIDE, 3), 114, np.uint8)
    square[top : top + size[1], left : left + size[0]] = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
    return square, (size[0] / width, size[1] / height), (left, top)


def detect(session, image):
    """Rows of x1, y1, x2, y2 in pixels of the image, score, class index."""
    square, scale, corner = letterbox(image)
    tensor = np.ascontiguousarray(square[:, :, ::-1].transpose(2, 0, 1)[None], np.float32) / 255
    (output,) = session.run(None, {session.get_inputs()[0].name: tensor})
    anchors = output[0].T  # (anchors, 4 + classes): centre, size, a score for each class
    scores, classes = anchors[:, 4:].max(1), anchors[:, 4:].argmax(1)
    sizes = anchors[:, 2:4]
    boxes = np.concatenate([anchors[:, :2] - sizes / 2, sizes], 1)  # x, y, width, height, as NMSBoxesBatched wants them
    kept = cv2.dnn.NMSBoxesBatched(boxes.tolist(), scores.tolist(), classes.tolist(), CONFIDENCE, IOU)
    kept = sorted(kept, key=lambda row: -scores[row])[:MOST]
    corners = np.concatenate([boxes[kept, :2], boxes[kept, :2] + boxes[kept, 2:]], 1).reshape(-1, 2, 2)
    restored = (corners - corner) / scale
    inside = restored.clip(0, [image.shape[1], image.shape[0]]).reshape(-1, 4)
    return np.column_stack([inside, scores[kept], classes[kept]])


def main(model, images, out):
    """Write the detections of every image of a folder."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    rows = []
    for path in sorted(Path(images).iterdir()):
        for x1, y1, x2, y2, score, index in detect(session, cv2.imread(str(path))).tolist():
            row = {"file_name": path.name, "category_id": int(index), "score": score}
            rows.append({**row, "bbox": [x1, y1, x2 - x1, y2 - y1]})
    Path(out).write_text(json.dumps(rows))


if __name__ == "__main__":
    main(*sys.argv[1:])
