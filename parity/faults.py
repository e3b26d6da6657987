"""The catalogue of named faults: what can differ between the pipeline of training and the one that ships, and how to mend it.

Plain data in the order of how often the faults were met; how a fault is planted, recognised or proven stands elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from types import MappingProxyType


class Stage(StrEnum):
    """Where in the pipeline, or beside it, a fault sits."""

    PREPROCESS = "preprocess"  # image to network input
    GRAPH = "graph"  # the network, its export and its runtime
    DECODE = "decode"  # network output to boxes and scores
    NMS = "nms"  # which boxes are kept
    RESTORE = "restore"  # network coordinates to image coordinates
    QUANTISATION = "quantisation"
    WEIGHTS = "weights"
    EVALUATION = "evaluation"  # detections to results files and metrics


class Frequency(IntEnum):
    """How often a fault was met in public reports; the larger, the more often."""

    RARE = 1  # once, or derived from the mechanism
    SOME = 2  # two to four times
    MANY = 3  # five times or more


@dataclass(frozen=True, slots=True)
class Fault:
    """A difference between two pipelines that has a name, a cause and a fix.

    ``parameters`` are the names of the values that a diagnosis finds, ``hidden_on`` says on which images the fault cannot be seen.
    """

    id: str
    stage: Stage
    cause: str
    fix: str
    frequency: Frequency
    parameters: tuple[str, ...] = ()
    hidden_on: str = ""


_FAULTS = (
    Fault(
        "rect_vs_square_letterbox",
        Stage.PREPROCESS,
        cause="One side pads to a rectangle, the other to the square: a difference of configuration, not a broken export.",
        fix="Run both sides with the same padding: rect=False in predict and val, or a dynamic export that is fed rectangles.",
        frequency=Frequency.MANY,
        hidden_on="images whose rectangle is the full square, such as square ones",
    ),
    Fault(
        "stretch_instead_of_letterbox",
        Stage.PREPROCESS,
        cause="The image was stretched to the network's size instead of letterboxed.",
        fix="Resize both axes by the same gain, min(S / width, S / height), and fill the rest with the padding colour.",
        frequency=Frequency.MANY,
        hidden_on="images of the network's aspect ratio",
    ),
    Fault(
        "unletterbox_missing_or_wrong",
        Stage.RESTORE,
        cause="The boxes were restored with another geometry than that of the letterbox.",
        fix="Subtract the left and top padding from the corners, then divide both axes by the letterbox's one gain.",
        frequency=Frequency.MANY,
        parameters=("restored",),
        hidden_on="images of the network's size, and of its aspect ratio unless the gain was left out too",
    ),
    Fault(
        "channel_order_bgr",
        Stage.PREPROCESS,
        cause="The red and blue channels of the network input were exchanged.",
        fix="Convert cv2.imread's BGR to the order of training exactly once, e.g. cv2.cvtColor(image, cv2.COLOR_BGR2RGB).",
        frequency=Frequency.MANY,
        hidden_on="gray images",
    ),
    Fault(
        "value_range_255",
        Stage.PREPROCESS,
        cause="The pixels were brought to another value range than the network was trained on.",
        fix="Divide by the divisor of training exactly once: 255 for most YOLO networks, none for those trained on 0-255.",
        frequency=Frequency.MANY,
        parameters=("divisor",),
    ),
    Fault(
        "mean_std_mismatch",
        Stage.PREPROCESS,
        cause="The pixels were normalised with another mean and standard deviation than in training.",
        fix="Apply (x - mean) / std as in training exactly once, on the host or in the graph, with constants in channel order.",
        frequency=Frequency.MANY,
        parameters=("constants",),
    ),
    Fault(
        "output_layout_not_transposed",
        Stage.DECODE,
        cause="The raw output was read with anchors and channels exchanged.",
        fix="Transpose [1, 4 + nc, N] to [1, N, 4 + nc] before rows are read as boxes; a reshape does not move the values.",
        frequency=Frequency.MANY,
    ),
    Fault(
        "nms_iou_threshold",
        Stage.NMS,
        cause="NMS ran with another IoU threshold.",
        fix="Set the same IoU threshold on both sides; YOLO.predict uses 0.7, Ultralytics' NMS function on its own 0.45.",
        frequency=Frequency.MANY,
        parameters=("iou",),
        hidden_on="images without boxes of one class whose IoU lies between the two thresholds",
    ),
    Fault(
        "conf_threshold",
        Stage.NMS,
        cause="Detections were cut at another confidence threshold.",
        fix="Set the same confidence threshold on both sides, in an NMS inside the graph too: 0.25 to predict, 0.001 to evaluate.",
        frequency=Frequency.MANY,
        parameters=("confidence",),
        hidden_on="images without scores between the two thresholds",
    ),
    Fault(
        "wrong_imgsz",
        Stage.PREPROCESS,
        cause="The network ran at another input size.",
        fix="Export and run at the size of training and evaluation (imgsz), and letterbox to that same size.",
        frequency=Frequency.MANY,
        parameters=("side_px",),
    ),
    Fault(
        "int8_head_concat_one_scale",
        Stage.QUANTISATION,
        cause="Boxes in pixels and scores in 0-1 share one INT8 scale, whose step rounds the scores to zero.",
        fix="Leave the head's last Concat and Mul in float (nodes_to_exclude), or give boxes and scores separate outputs.",
        frequency=Frequency.MANY,
    ),
    Fault(
        "int8_head_quantised",
        Stage.QUANTISATION,
        cause="The head's sigmoid, DFL or last convolution runs in INT8 and coarsens scores and boxes.",
        fix="Leave the head in float or FP16 (nodes_to_exclude) and quantise backbone and neck only.",
        frequency=Frequency.MANY,
    ),
    Fault(
        "int8_calibration_bad",
        Stage.QUANTISATION,
        cause="INT8 ranges were calibrated on images unlike those that the network is given.",
        fix="Calibrate on some hundred images of the domain through the deployed preprocessing, and delete the calibration cache.",
        frequency=Frequency.MANY,
    ),
    Fault(
        "exif_orientation",
        Stage.PREPROCESS,
        cause="The orientation stored in the JPEG was applied on one side only.",
        fix="Apply the EXIF orientation on both sides (cv2.imread does; with Pillow call ImageOps.exif_transpose), or on neither.",
        frequency=Frequency.MANY,
        hidden_on="images without an EXIF orientation, or with the normal one",
    ),
    Fault(
        "class_map_80_91_or_offset",
        Stage.EVALUATION,
        cause="Class ids were counted from another number, or mapped between COCO's 80 and 91 ids.",
        fix="Map ids once, where results are written: add the offset, or use the table from 80 indices to COCO's category ids.",
        frequency=Frequency.MANY,
        parameters=("offset",),
    ),
    Fault(
        "class_names_order",
        Stage.EVALUATION,
        cause="The class indices are right, and the list that names them is another one.",
        fix="Take the names from the checkpoint in index order, and write them into the model's metadata again.",
        frequency=Frequency.MANY,
        hidden_on="images of classes that both lists name alike",
    ),
    Fault(
        "batch_gt1_broken",
        Stage.GRAPH,
        cause="In a batch of several images only the first is right.",
        fix="Export with a dynamic batch axis, and postprocess each row of the output instead of output[0] only.",
        frequency=Frequency.MANY,
        hidden_on="images that are run one at a time",
    ),
    Fault(
        "fp16_precision",
        Stage.GRAPH,
        cause="The network was computed in half precision.",
        fix="Export or build in FP32, or keep in FP32 the layers that overflow and the decoding of boxes in pixels.",
        frequency=Frequency.MANY,
    ),
    Fault(
        "train_mode_export",
        Stage.GRAPH,
        cause="The network was exported or run in training mode, with batch statistics and dropout active.",
        fix="Call model.eval() before export and before the reference run; the graph must hold no Dropout or training_mode=1.",
        frequency=Frequency.MANY,
    ),
    Fault(
        "jpeg_decoder",
        Stage.PREPROCESS,
        cause="The JPEG was decoded by another library or version, with slightly different pixels.",
        fix="Decode with the same library and version on both sides, or compare on lossless copies such as PNG.",
        frequency=Frequency.MANY,
        hidden_on="images that are not JPEG",
    ),
    Fault(
        "resize_interpolation",
        Stage.PREPROCESS,
        cause="The image was resized with another interpolation.",
        fix="Use the reference's filter and library, e.g. cv2.INTER_LINEAR; Pillow and torchvision add an antialias that OpenCV does not.",
        frequency=Frequency.MANY,
        parameters=("interpolation",),
        hidden_on="images that need no scaling",
    ),
    Fault(
        "pad_rounding_1px",
        Stage.RESTORE,
        cause="The padding taken off the boxes was rounded otherwise than the padding put on.",
        fix="Hand the whole left and top padding that the letterbox added to the step that restores boxes; do not compute it again.",
        frequency=Frequency.SOME,
        hidden_on="images whose padding is an even number of pixels",
    ),
    Fault(
        "pad_value",
        Stage.PREPROCESS,
        cause="The letterbox was filled with another colour.",
        fix="Fill all three channels with the value of training, e.g. cv::Scalar(114, 114, 114) for Ultralytics.",
        frequency=Frequency.SOME,
        parameters=("pad_value",),
        hidden_on="images that need no padding",
    ),
    Fault(
        "pad_position",
        Stage.PREPROCESS,
        cause="The padding was put at the bottom right instead of around the image, or the other way round.",
        fix="Place the image as in training: centred for Ultralytics, top left for YOLOX; and restore boxes with that offset.",
        frequency=Frequency.SOME,
        hidden_on="images that need no padding",
    ),
    Fault(
        "double_sigmoid",
        Stage.DECODE,
        cause="The scores went through the sigmoid twice.",
        fix="Remove the sigmoid from the host code or the NMS plugin: the graph already applies it.",
        frequency=Frequency.SOME,
    ),
    Fault(
        "missing_sigmoid",
        Stage.DECODE,
        cause="Logits were used as scores, without a sigmoid.",
        fix="Apply the sigmoid to the class scores exactly once, in the graph or on the host.",
        frequency=Frequency.SOME,
    ),
    Fault(
        "v5_style_decode_on_v8",
        Stage.DECODE,
        cause="The first class score was read as an objectness, as in YOLOv5, from a head that has none.",
        fix="Read class scores from column 4 on (x, y, w, h, classes); heads without anchors, as in YOLOv8, have no objectness.",
        frequency=Frequency.SOME,
    ),
    Fault(
        "objectness_not_multiplied",
        Stage.DECODE,
        cause="The confidence is the objectness or the class score alone, not their product.",
        fix="Multiply: score = objectness * class score, for YOLOv5, YOLOv7 and YOLOX.",
        frequency=Frequency.SOME,
    ),
    Fault(
        "xywh_vs_xyxy",
        Stage.DECODE,
        cause="Boxes given as centre and size were read as corners, or the other way round.",
        fix="Convert once before NMS: x1 = cx - w / 2, y1 = cy - h / 2, x2 = cx + w / 2, y2 = cy + h / 2.",
        frequency=Frequency.SOME,
    ),
    Fault(
        "decode_not_in_graph",
        Stage.DECODE,
        cause="The graph gives undecoded boxes that were read as decoded ones.",
        fix="Export with the box decoding in the graph (YOLOX: --decode_in_inference), or apply grid, stride and DFL on the host.",
        frequency=Frequency.SOME,
    ),
    Fault(
        "boxes_normalised",
        Stage.RESTORE,
        cause="Boxes in 0-1 were taken for pixels, or boxes in pixels were scaled once more.",
        fix="Multiply normalised boxes by the network's width and height exactly once, and pixel boxes not at all.",
        frequency=Frequency.SOME,
        parameters=("scale",),
    ),
    Fault(
        "class_agnostic_vs_per_class",
        Stage.NMS,
        cause="NMS ran over all classes at once on one side, and for each class on the other.",
        fix="Set the same agnostic option on both sides; NMS by class is batched_nms in torchvision, NMSBoxesBatched in OpenCV.",
        frequency=Frequency.SOME,
        hidden_on="images without overlapping objects of different classes",
    ),
    Fault(
        "multi_label",
        Stage.NMS,
        cause="On one side a box may keep several classes, on the other only its best one.",
        fix="Set the same multi_label option on both sides; val keeps several classes a box, predict and most ports the best one.",
        frequency=Frequency.SOME,
        hidden_on="images without a box of which two classes pass the confidence threshold",
    ),
    Fault(
        "topk_max_det_caps",
        Stage.NMS,
        cause="The number of boxes was capped at another count, before or after NMS.",
        fix="Set the same caps on both sides: max_det and max_nms, pre_nms_top_n, keep_top_k or the NMS plugin's output size.",
        frequency=Frequency.SOME,
        parameters=("max_detections",),
        hidden_on="images with fewer boxes than the lower cap",
    ),
    Fault(
        "end2end_or_embedded_nms_mismatch",
        Stage.NMS,
        cause="One side takes detections from a head or graph that removes duplicates, the other from raw boxes.",
        fix="Export and compare both sides with the same end2end and nms options, and parse the output by its own format.",
        frequency=Frequency.SOME,
    ),
    Fault(
        "static_trace_constants",
        Stage.GRAPH,
        cause="Tracing froze a grid, an anchor or a size of the example image into the graph.",
        fix="Compute shapes and grids from tensors, not Python numbers, and export again; or run at the traced size only.",
        frequency=Frequency.SOME,
        hidden_on="images of the traced size",
    ),
    Fault(
        "torchvision_size_baked",
        Stage.GRAPH,
        cause="The torchvision export has the example's image size or number of objects built in.",
        fix="Export with dynamic axes for height and width, from an example image in which several objects are found.",
        frequency=Frequency.SOME,
        hidden_on="images of the example's size in which several objects are found",
    ),
    Fault(
        "graph_and_host_both_preprocess",
        Stage.PREPROCESS,
        cause="Graph and host both resize or normalise the image.",
        fix="Hand the graph the image as it expects it (torchvision: native size, RGB, 0-1), and drop that step from the host.",
        frequency=Frequency.SOME,
    ),
    Fault(
        "onnx_simplifier_bug",
        Stage.GRAPH,
        cause="The ONNX simplifier changed what the graph computes.",
        fix="Ship the graph as exported (simplify=False), or use a version of onnxslim or onnxsim that agrees with the raw graph.",
        frequency=Frequency.SOME,
    ),
    Fault(
        "ort_graph_optimisation",
        Stage.GRAPH,
        cause="ONNX Runtime's graph optimisation changed what the graph computes.",
        fix="Lower graph_optimization_level, or switch off the one guilty pass (disabled_optimizers), or update ONNX Runtime.",
        frequency=Frequency.SOME,
    ),
    Fault(
        "resize_coord_mode",
        Stage.GRAPH,
        cause="A Resize node of the graph samples with another coordinate mode than the module.",
        fix="Export with opset 11 or above, and give Resize the coordinate_transformation_mode and nearest_mode of the module.",
        frequency=Frequency.SOME,
    ),
    Fault(
        "roialign_half_pixel",
        Stage.GRAPH,
        cause="RoiAlign treats half a pixel otherwise in the graph than in the module.",
        fix="Export with opset 16 or above, with RoiAlign's coordinate_transformation_mode as the module's aligned option.",
        frequency=Frequency.SOME,
    ),
    Fault(
        "dynamo_exporter_bug",
        Stage.GRAPH,
        cause="The dynamo exporter of torch wrote a graph that computes something else.",
        fix="Export with torch.onnx.export(dynamo=False), or with versions of torch and onnxscript that pass this gate.",
        frequency=Frequency.SOME,
    ),
    Fault(
        "tf32",
        Stage.GRAPH,
        cause="Convolutions or matrix products were computed in TF32 on one side.",
        fix="Switch TF32 off on both sides: allow_tf32=False in torch, use_tf32=0 in ONNX Runtime, NVIDIA_TF32_OVERRIDE=0.",
        frequency=Frequency.SOME,
    ),
    Fault(
        "bf16_or_fp16_plugin_default",
        Stage.GRAPH,
        cause="The runtime chose BF16 or FP16 on its own for this processor.",
        fix="Ask for float32, e.g. INFERENCE_PRECISION_HINT=f32 in OpenVINO, or accept the precision and compare at its limits.",
        frequency=Frequency.SOME,
    ),
    Fault(
        "u8s8_saturation",
        Stage.QUANTISATION,
        cause="INT8 sums saturate at 16 bits on a processor without VNNI.",
        fix="Quantise with reduce_range=True (weights of 7 bits), or run on a processor with VNNI.",
        frequency=Frequency.SOME,
    ),
    Fault(
        "int8_io_not_dequantised",
        Stage.QUANTISATION,
        cause="Integer input or output was used without its scale and zero point.",
        fix="Compute real = (integer - zero_point) * scale with each tensor's own values, and the inverse for the input.",
        frequency=Frequency.SOME,
        parameters=("scale", "zero_point"),
    ),
    Fault(
        "ema_vs_raw_weights",
        Stage.WEIGHTS,
        cause="One side holds the averaged (EMA) weights, the other the raw ones of the last step.",
        fix="Export the weights that were evaluated: checkpoint['ema'] where there is one, else checkpoint['model'].",
        frequency=Frequency.SOME,
    ),
    Fault(
        "reparam_or_fuse_wrong",
        Stage.WEIGHTS,
        cause="Re-parameterised or implicit layers were fused wrongly, or not at all.",
        fix="Fuse with the model's own function, configuration and number of classes, and compare before and after fusing.",
        frequency=Frequency.SOME,
    ),
    Fault(
        "hw_swapped",
        Stage.PREPROCESS,
        cause="Height and width were exchanged in the resize, the scale or the input size.",
        fix="Check each order: cv2.resize and cv::Size take (width, height), array shapes and imgsz are (height, width).",
        frequency=Frequency.SOME,
        hidden_on="square images in a square network",
    ),
    Fault(
        "nms_time_limit",
        Stage.NMS,
        cause="NMS ran out of time and left the later images of the batch empty.",
        fix="Raise NMS's time limit (max_time_img), or run smaller batches or a higher confidence threshold.",
        frequency=Frequency.SOME,
        hidden_on="images that are run one at a time or come first in a batch",
    ),
    Fault(
        "class_offset_fp16_nms",
        Stage.NMS,
        cause="NMS adds a class offset to half-precision boxes, which then overflow or lose their position.",
        fix="Convert boxes to float32 before NMS by class offset, or run NMS for each class.",
        frequency=Frequency.SOME,
        hidden_on="images of the first classes only",
    ),
    Fault(
        "eval_protocol_mismatch",
        Stage.EVALUATION,
        cause="The two sides were evaluated by different protocols.",
        fix="Score both predictions files with one evaluator, at the same image size, batch, confidence, IoU and max_det.",
        frequency=Frequency.SOME,
    ),
    Fault(
        "run_to_run_nondeterminism",
        Stage.GRAPH,
        cause="The candidate differs from itself between two runs.",
        fix="Fix the algorithm and thread count (cudnn_conv_algo_search=DEFAULT, deterministic mode), or measure this noise.",
        frequency=Frequency.SOME,
    ),
    Fault(
        "layout_nhwc_nchw",
        Stage.PREPROCESS,
        cause="The memory of an NHWC image was read as NCHW.",
        fix="Transpose axes with transpose(2, 0, 1) or blobFromImage; a reshape does not move the values.",
        frequency=Frequency.SOME,
    ),
    Fault(
        "iou_conf_args_swapped",
        Stage.NMS,
        cause="The IoU and the confidence threshold were passed in each other's place.",
        fix="Pass both by name, or check the order: cv2.dnn.NMSBoxes takes the score threshold first.",
        frequency=Frequency.RARE,
    ),
    Fault(
        "integer_division_or_dtype",
        Stage.PREPROCESS,
        cause="The pixels were divided as integers, or handed over in another number type.",
        fix="Convert to float32 before dividing: image.astype(np.float32) / 255.0.",
        frequency=Frequency.RARE,
    ),
    Fault(
        "alpha_or_gray_channels",
        Stage.PREPROCESS,
        cause="An image with an alpha channel or a single channel was not converted to three channels.",
        fix="Convert every image to three channels when it is read: cv2.IMREAD_COLOR, or Image.convert('RGB').",
        frequency=Frequency.RARE,
        hidden_on="images of three channels",
    ),
    Fault(
        "small_image_not_upscaled",
        Stage.PREPROCESS,
        cause="Images smaller than the network were enlarged on one side only.",
        fix="Use the same scaleup option in both letterboxes; predict enlarges small images.",
        frequency=Frequency.RARE,
        hidden_on="images with a side as long as the network's, or longer",
    ),
    Fault(
        "clip_missing_or_extra",
        Stage.RESTORE,
        cause="Boxes were clipped to the image on one side only, or before they were restored.",
        fix="Clip to the image's width and height once, after the boxes were restored.",
        frequency=Frequency.RARE,
        hidden_on="images without boxes that reach over the border",
    ),
    Fault(
        "int_cast_boxes",
        Stage.RESTORE,
        cause="Box coordinates were cut to whole pixels.",
        fix="Keep coordinates as floating-point numbers up to evaluation, and round for drawing only.",
        frequency=Frequency.RARE,
    ),
    Fault(
        "pixel_plus_one_convention",
        Stage.RESTORE,
        cause="Box corners were shifted by half a pixel or one, as in conventions that count pixels.",
        fix="Take width as x2 - x1, without + 1, and corners as continuous coordinates on both sides.",
        frequency=Frequency.RARE,
        parameters=("offset_px",),
    ),
    Fault(
        "int8_per_tensor_weights",
        Stage.QUANTISATION,
        cause="One INT8 scale for a whole weight tensor is too coarse for channels of unequal range.",
        fix="Quantise weights with a scale for each channel (per_channel=True).",
        frequency=Frequency.RARE,
    ),
    Fault(
        "int8_symmetric_silu",
        Stage.QUANTISATION,
        cause="Symmetric INT8 activations cut or coarsen the small negative values of SiLU.",
        fix="Quantise activations asymmetrically (QUInt8 with a zero point), or leave the SiLU layers in float.",
        frequency=Frequency.RARE,
    ),
    Fault(
        "ceil_mode_pool",
        Stage.GRAPH,
        cause="A pooling node rounds its output size or pads its border otherwise than the module.",
        fix="Give the MaxPool node the module's ceil_mode and padding, or export with another opset.",
        frequency=Frequency.RARE,
    ),
    Fault(
        "opset_constant_folding_batch",
        Stage.GRAPH,
        cause="Constant folding froze the batch size into the graph.",
        fix="Export with do_constant_folding=False, or with an example batch of two and a dynamic batch axis.",
        frequency=Frequency.RARE,
        hidden_on="images that are run one at a time",
    ),
    Fault(
        "head_tensor_order",
        Stage.DECODE,
        cause="The outputs of the head were taken in the wrong order.",
        fix="Find outputs by name, or by stride and channel count, not by position.",
        frequency=Frequency.RARE,
    ),
    Fault(
        "dfl_axis_or_bins",
        Stage.DECODE,
        cause="The DFL took its softmax over the wrong axis, or its sides and bins in the wrong order.",
        fix="Reshape the 64 box channels to 4 sides by 16 bins, take the softmax over the bins, and sum bin * probability.",
        frequency=Frequency.RARE,
    ),
    Fault(
        "two_class_shape_trap",
        Stage.NMS,
        cause="The output of a two-class model has six columns and was taken for finished detections.",
        fix="Choose the format by the export's options, not by six columns, and hand Ultralytics' NMS [1, 4 + nc, N].",
        frequency=Frequency.RARE,
    ),
    Fault(
        "embedded_nms_fp16_resolution",
        Stage.NMS,
        cause="The NMS in the graph offsets boxes by class in half precision, too coarsely for high classes.",
        fix="Export the NMS in FP32 (half=False), or leave it out of the graph and run it on the host.",
        frequency=Frequency.RARE,
        hidden_on="images of the first classes only",
    ),
    Fault(
        "nms_ties_and_boundary",
        Stage.NMS,
        cause="Equal scores, or an IoU exactly at the threshold, were decided the other way.",
        fix="Break ties by a stable sort and compare with the same operator on both sides (removed where IoU > threshold).",
        frequency=Frequency.RARE,
        hidden_on="images without equal scores and without an IoU exactly at the threshold",
    ),
    Fault(
        "plugin_score_range_fp16",
        Stage.NMS,
        cause="The NMS plugin was given scores outside 0-1, which it assumes in FP16.",
        fix="Give the plugin scores after the sigmoid or set its score_activation, or build it in FP32.",
        frequency=Frequency.RARE,
    ),
    Fault(
        "buffer_reuse_or_early_free",
        Stage.GRAPH,
        cause="A buffer was overwritten or freed while it was in use, so that results belong to another image.",
        fix="Copy outputs before the next run, keep inputs alive until the run ends, and synchronise the stream.",
        frequency=Frequency.RARE,
        hidden_on="images that are run in a process of their own",
    ),
    Fault(
        "stale_artifact",
        Stage.WEIGHTS,
        cause="The candidate was exported from an older state of the checkpoint.",
        fix="Export again from this checkpoint, and delete old engines and calibration caches beside it.",
        frequency=Frequency.RARE,
    ),
    Fault(
        "wrong_checkpoint",
        Stage.WEIGHTS,
        cause="The candidate was exported from another checkpoint.",
        fix="Export the checkpoint that was evaluated, e.g. best.pt rather than last.pt.",
        frequency=Frequency.RARE,
    ),
    Fault(
        "eval_image_order",
        Stage.EVALUATION,
        cause="Predictions were written under the ids of other images.",
        fix="Take image_id from the image's own file name or annotation, not from its place in a list.",
        frequency=Frequency.RARE,
        hidden_on="a data set of one image",
    ),
    Fault(
        "wrong_tuple_element",
        Stage.DECODE,
        cause="Another output of the network was read than the one that holds the detections.",
        fix="Pick the output by name or shape; segmentation models give mask prototypes besides.",
        frequency=Frequency.RARE,
    ),
)

CATALOGUE: Mapping[str, Fault] = MappingProxyType({fault.id: fault for fault in _FAULTS})


def fault(fault_id: str) -> Fault:
    """The fault of this id; raises ``KeyError`` for a name that is not in the catalogue."""
    return CATALOGUE[fault_id]
