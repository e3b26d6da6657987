"""Arguments and options of the command line, each declared once for all commands that have it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from parity.environment import installed
from parity.limits import Profile


def print_version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it so
    """Print the version of this package and stop, if asked to."""
    if wanted:
        sys.stdout.write(f"parity-gate {installed('parity-gate') or 'from a source tree'}\n")
        raise typer.Exit


CHECKPOINT_HELP = "A trained model: an Ultralytics .pt, or the run directory of a FasterRCNN."
Checkpoint = Annotated[Path, typer.Argument(help=CHECKPOINT_HELP, metavar="CHECKPOINT", show_default=False)]
Model = Annotated[Path, typer.Argument(help="A checkpoint, a run directory or an exported file.", metavar="MODEL", show_default=False)]
Targets = Annotated[list[str] | None, typer.Option("--to", help="What to export: onnx,torchscript,openvino,onnx-fp16.", metavar="LIST")]
MODELS_HELP = "A checkpoint, which all others are held against, and exported files; files alone are held against the first."
Models = Annotated[list[Path], typer.Argument(help=MODELS_HELP, metavar="CHECKPOINT|FILE...", show_default=False)]
BENCH_TARGETS_HELP = "What to export and time beside PyTorch. Default: all in float32 whose runtime is installed."
BenchTargets = Annotated[list[str] | None, typer.Option("--to", help=BENCH_TARGETS_HELP, metavar="LIST")]
BenchFiles = Annotated[list[Path] | None, typer.Option("--candidate", help="An exported file to time as well; repeatable.", metavar="FILE")]
Batches = Annotated[list[str] | None, typer.Option("--batch", help="Images at once: 1,2,4,8. Default: 1.", metavar="LIST")]
RUNS_HELP = "Runs of each network at each setting, up to 5 in a row. Default: 20 to 400, as two minutes allow."
TimedRuns = Annotated[int | None, typer.Option("--runs", help=RUNS_HELP, min=20, max=100_000, metavar="N")]
STUDY_HELP = (
    "Judge and time PyTorch and its exports on every image of --data by the fixed protocol, and write study.md, charts and study.json."
)
StudyFolder = Annotated[Path | None, typer.Option("--study", help=STUDY_HELP, metavar="DIR")]
StudySeed = Annotated[int | None, typer.Option("--seed", help="For --limit. Default: 42.", min=0, metavar="N")]
ThreadCounts = Annotated[list[str] | None, typer.Option("--threads", help="1,2: threads of every runtime. Default: all.", metavar="LIST")]
Dynamic = Annotated[bool, typer.Option("--dynamic", help="Leave batch and size open in the file.")]
Out = Annotated[Path, typer.Option("--out", help="Folder for the files. Default: the current one.", metavar="DIR", show_default=False)]
PrintSpec = Annotated[bool, typer.Option("--print-spec", help="Print the pipeline spec of the checkpoint as JSON and convert nothing.")]
Reference = Annotated[Path, typer.Option("--reference", help="The checkpoint that was trained, or a predictions .json.", metavar="PATH")]
SomeReference = Annotated[Path | None, typer.Option("--reference", help="The checkpoint that was trained.", metavar="PATH")]
CANDIDATE_HELP = "What would be shipped: a model file, a predictions .json or module:callable; repeatable."
Candidates = Annotated[list[str], typer.Option("--candidate", help=CANDIDATE_HELP, metavar="WHAT")]
SomeCandidates = Annotated[list[str] | None, typer.Option("--candidate", help=CANDIDATE_HELP, metavar="WHAT")]
BACKENDS_HELP = "Convert the reference and gate that: onnx,torchscript,openvino,onnx-fp16."
Backends = Annotated[list[str] | None, typer.Option("--backend", help=BACKENDS_HELP, metavar="LIST")]
Sizes = Annotated[list[str] | None, typer.Option("--imgsz", help="640,320; 480x640 is height x width. Default: 640.", metavar="LIST")]
DATA_HELP = "data.yaml, a COCO instances.json, a folder with dataset.jsonl, or one of images."
Data = Annotated[Path, typer.Option("--data", help=DATA_HELP, metavar="PATH")]
LabelledData = Annotated[Path | None, typer.Option("--data", help=DATA_HELP, metavar="PATH")]
SomeData = Annotated[Path | None, typer.Option("--data", help="Time its first 4 images. Default: one synthetic image.", metavar="PATH")]
ImageRoot = Annotated[Path | None, typer.Option("--images", help="The image folder of a COCO file.", metavar="DIR")]
ImageFolder = Annotated[Path, typer.Option("--images", help="A folder of images; they need no labels.", metavar="DIR")]
OutFolder = Annotated[
    Path, typer.Option("--out", help="Folder for pictures, detections, comparison, result.json and report.txt.", metavar="DIR")
]
LIMITS_OUT_HELP = "Write the limits to this file, for --limits of gate and compare."
LimitsOut = Annotated[Path | None, typer.Option("--out", help=LIMITS_OUT_HELP, metavar="JSON")]
LIMITS_HELP = "What `parity calibrate --out` wrote for the reference. Default: the limits of its family."
PROFILE_HELP = "Hold every detection (fp32), or judge by statistics (fp16, int8). Default: as the candidate's file calculates."
ProfileName = Annotated[Profile | None, typer.Option("--profile", help=PROFILE_HELP, show_default=False)]
MARGIN_HELP = "How much AP may be lost where statistics judge. Default: 0.005 for fp16, 0.01 for int8."
Margin = Annotated[float | None, typer.Option("--margin", help=MARGIN_HELP, metavar="0..1")]
LimitsFile = Annotated[Path | None, typer.Option("--limits", help=LIMITS_HELP, metavar="JSON")]
Conf = Annotated[float | None, typer.Option("--conf", help="Deployed confidence threshold. Default: the spec's, 0.25.", metavar="0..1")]
Iou = Annotated[float | None, typer.Option("--iou", help="Deployed IoU threshold of NMS. Default: the spec's, 0.7.", metavar="0..1")]
Limit = Annotated[int | None, typer.Option("--limit", help="Use this many images, drawn with --seed.", min=1, metavar="N")]
Seed = Annotated[int, typer.Option("--seed", help="For --limit.", min=0, metavar="N")]
Spec = Annotated[Path | None, typer.Option("--candidate-spec", help="The pipeline of a file that does not say it itself.", metavar="JSON")]
Cut = Annotated[float | None, typer.Option("--candidate-conf", help="What recorded detections were cut at.", metavar="0..1")]
Baselines = Annotated[Path | None, typer.Option("--baselines", help="Hold AP against the stored results of this folder.", metavar="DIR")]
WAIVERS_HELP = "TOML file with [[tool.parity.waivers]]. Default: the pyproject.toml of this folder or of one above it in the repository."
Waivers = Annotated[Path | None, typer.Option("--waivers", help=WAIVERS_HELP, metavar="FILE", show_default=False)]
StoredIn = Annotated[Path, typer.Option("--baselines", help="The folder of stored results.", metavar="DIR")]
Stored = Annotated[Path, typer.Argument(help="A stored result, or a folder of them.", metavar="PATH|DIR", show_default=False)]
Both = Annotated[list[Path] | None, typer.Argument(help="Of diff: two stored results or folders, instead of a run.", metavar="OLD NEW")]
EVIDENCE_HELP = "On failure: the fewest images that show it, both sides' detections and a command that replays it."
Evidence = Annotated[Path | None, typer.Option("--evidence", help=EVIDENCE_HELP, metavar="DIR")]
REPORT_HELP = "Write one HTML file for people: verdict, causes, accuracy, and the images that differ most."
Report = Annotated[Path | None, typer.Option("--report", help=REPORT_HELP, metavar="HTML")]
PLOTS_HELP = "Write charts as PNG files: detections, confidence, parity, AP and latency."
Plots = Annotated[Path | None, typer.Option("--plots", help=PLOTS_HELP, metavar="DIR")]
HISTORY_HELP = "Add this run to an SQLite file, made where it is missing; parity history FILE shows what changes over checkpoints."
History = Annotated[Path | None, typer.Option("--history", help=HISTORY_HELP, metavar="SQLITE")]
HistoryFile = Annotated[Path, typer.Argument(help="What gate --history has written.", metavar="SQLITE", show_default=False)]
ONLY_CONFIG_HELP = "Only this configuration: best-onnx-640, or onnx-640 for checkpoints of every name."
OnlyConfig = Annotated[str | None, typer.Option("--config", help=ONLY_CONFIG_HELP, metavar="ID")]
OnlyData = Annotated[str | None, typer.Option("--data", help="Only runs on this data set: its name or sha256.", metavar="NAME")]
LastRuns = Annotated[int | None, typer.Option("--last", help="Only the latest runs.", min=1, metavar="N")]
AsOne = Annotated[bool, typer.Option("--as-one", help="Take checkpoints of different file names for those of one model.")]
Plot = Annotated[Path | None, typer.Option("--plot", help="Draw AP, agreement and latency over the runs.", metavar="PNG")]
FailOnDrift = Annotated[bool, typer.Option("--fail-on-drift", help="Exit code 1 where a measure drifts the wrong way.")]
TERMS_HELP = "The evidence.json of an evidence folder whose two predictions files are compared again."
Terms = Annotated[Path | None, typer.Option("--terms", help=TERMS_HELP, metavar="JSON")]
Json = Annotated[Path | None, typer.Option("--json", help="Write JSON to this file; - is stdout, without tables.", metavar="PATH")]
VERBOSE_HELP = "Print all that was measured and every check that did not pass, beyond what fits a screen."
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help=VERBOSE_HELP)]
EndToEnd = Annotated[bool, typer.Option("--end-to-end", help="Take the one-to-one head of v10 and 26, which needs no NMS.")]
Trust = Annotated[
    list[str] | None, typer.Option("--trust-checkpoint", help="Digest of a checkpoint that may run code; repeatable.", metavar="sha256:…")
]
THREADS_HELP = "Images at once, 8 at most; where latency is measured, threads of each runtime. Default: all."
Threads = Annotated[int | None, typer.Option("--threads", help=THREADS_HELP, min=1, metavar="N")]
NoDiagnosis = Annotated[bool, typer.Option("--no-diagnosis", help="Do not look for the cause of a failure.")]
WORKERS_HELP = "Judge this many sizes at once, each with --threads; no more than there are processors for. Needs --no-latency."
Workers = Annotated[int, typer.Option("--workers", help=WORKERS_HELP, min=1, metavar="N")]
NoCache = Annotated[bool, typer.Option("--no-cache", help="Run the reference anew, and keep nothing of what it says.")]
NoLatency = Annotated[bool, typer.Option("--no-latency", help="Do not measure latency.")]
LATENCY_FAIL_HELP = 'Fail where the candidate is surely slower than "speedup<1.5", as far as this machine can tell now.'
LatencyFail = Annotated[str | None, typer.Option("--latency-fail", help=LATENCY_FAIL_HELP, metavar="LIMIT")]
CERTIFY_HELP = "Write MODEL.parity.json beside every exported file that passes; parity verify MODEL reads it."
Certify = Annotated[bool, typer.Option("--certify", help=CERTIFY_HELP)]
Artefact = Annotated[Path, typer.Argument(help="An exported file with a certificate beside it.", metavar="MODEL", show_default=False)]
Rerun = Annotated[bool, typer.Option("--rerun", help="Repeat the gate as the certificate records it.")]
OtherReference = Annotated[Path | None, typer.Option("--reference", help="Where the reference lies now, for --rerun.", metavar="PATH")]
OtherData = Annotated[Path | None, typer.Option("--data", help="Where the data lie now, for --rerun.", metavar="PATH")]
RUNS = "run directories"
Device = Annotated[str, typer.Option("--device", help="Where PyTorch runs: cpu or cuda.", metavar="DEVICE", rich_help_panel=RUNS)]
CHECKPOINT_PATH_HELP = "Another checkpoint than RUN_DIR/best_model.pth."
CheckpointPath = Annotated[Path | None, typer.Option("--checkpoint-path", help=CHECKPOINT_PATH_HELP, metavar="PATH", rich_help_panel=RUNS)]
ImageInput = Annotated[
    Path | None, typer.Option("--image-input", help="One image to convert and check with.", metavar="PATH", rich_help_panel=RUNS)
]
DATASET_DIR_HELP = "Holds dataset.jsonl and data/; its test split is evaluated, its first image checks the conversion."
DatasetDir = Annotated[Path | None, typer.Option("--dataset-dir", help=DATASET_DIR_HELP, metavar="DIR", rich_help_panel=RUNS)]
EVALUATE_HELP = "Evaluate the ONNX model, and PyTorch where that is not there yet, and compare them."
EvaluateConverted = Annotated[bool, typer.Option("--evaluate-converted-model", help=EVALUATE_HELP, rich_help_panel=RUNS)]
Onnx = Annotated[bool, typer.Option("--onnx", help="Evaluate the converted model of a run directory.", rich_help_panel=RUNS)]
COMPARE_HELP = "Run nothing: compare the two evaluations that are there."
CompareStored = Annotated[bool, typer.Option("--compare", help=COMPARE_HELP, rich_help_panel=RUNS)]
Pictures = Annotated[
    int, typer.Option("--visualizations", help="How many images are drawn. Default: 16.", min=0, metavar="N", rich_help_panel=RUNS)
]
CALIBRATION_HELP = "Images that ranges are taken from: a data.yaml (its train split) or a folder. Default: the train split of --data."
CalibrationData = Annotated[Path | None, typer.Option("--calibration", help=CALIBRATION_HELP, metavar="PATH", show_default=False)]
CalibrationImages = Annotated[int, typer.Option("--calibration-images", help="How many of them at most.", min=1, metavar="N")]
Budget = Annotated[float, typer.Option("--budget", help="How much AP may drop.", metavar="0..1")]
QuantizedTo = Annotated[str, typer.Option("--to", help="The runtime that the file is for: onnx or openvino.", metavar="NAME")]
Version = Annotated[bool, typer.Option("--version", is_eager=True, callback=print_version, help="Show the version and exit.")]
