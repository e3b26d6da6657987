"""What to do about a check that did not pass, by the name of the check."""

from __future__ import annotations

from parity.verdict import Check

SPEC = "`parity convert CHECKPOINT --print-spec` shows what the checkpoint needs"
NEXT_STEPS = {
    "images": "run the candidate on every image of the data set; on these the other side detects something",
    "finite": "look for an overflow: export in float32, or keep the layers of the head out of float16 and INT8",
    "evidence": "give images on which the reference detects something, or lower --conf",
    "missed": f"compare the candidate's preprocessing and NMS with the reference's: {SPEC}",
    "ghosts": f"compare the candidate's NMS and confidence threshold with the reference's: {SPEC}",
    "class_flips": f"compare the order of the class names and of the colour channels: {SPEC}",
    "shifted": f"compare how images are fitted (letterbox, rect, stretch) and boxes put back: {SPEC}",
    "rescored": f"compare colour channels, pixel scale, interpolation and activation: {SPEC}",
    "edges": "look for what moves scores a little everywhere: another runtime, precision or resize; or calibrate on more images",
    "ap_reference": "look at the other checks first, AP is only their sum; where statistics judge, round fewer layers or calibrate better",
    "ap_classes": "look at the images of the classes named above; give more images of those that the data cannot judge",
    "f1_deployed": "compare the best thresholds named above: a shifted optimum asks for another deployed threshold",
    "ap_baseline": "find the change since the baseline was stored; update it only after a review",
    "latency": "make the candidate faster (fewer pixels, another runtime), or run again on an idle machine with --threads fixed",
    "repeatable": "run again with --threads 1; a reference that differs from itself cannot judge",
    "names": "convert the checkpoint again, or give the candidate's own spec with --candidate-spec",
    "checkpoint": "convert this checkpoint again, or give the checkpoint that the file was made from",
}


def next_step(check: Check) -> str:
    """The advice for a check; one without an entry names its own detail."""
    return NEXT_STEPS.get(check.name, "see what was found above")
