"""FasterRCNNs of random weights that nevertheless detect: scores far apart, boxes all over the image.

As they are initialised all scores are nearly equal; then ranks and cuts hang on rounding, and any two networks seem to agree.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from parity.models.architectures import build

if TYPE_CHECKING:
    from collections.abc import Iterator

PATCHES = 9
SEEN = 4  # images that the network is adjusted to
SEEN_SIZE = (256, 320)


def seeded(architecture: str, *, seed: int = 1, **options: Any) -> Any:
    """A network in eval mode, of three classes with the background, always the same for a seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network: Any = build(architecture, num_classes=3, **options)
    images = [image(SEEN_SIZE, seed=index) for index in range(SEEN)]
    set_statistics(network, images)
    head, predictor = network.rpn.head, network.roi_heads.box_predictor
    for layer, spread in ((head.cls_logits, 1.0), (head.bbox_pred, 0.1), (predictor.cls_score, 0.3), (predictor.bbox_pred, 0.3)):
        set_spread(network, layer, images, spread)
    network.roi_heads.box_roi_pool.scales = None  # as new: it keeps what the first image gave
    return network.requires_grad_(requires_grad=False)


def image(size: tuple[int, int], *, seed: int) -> Tensor:
    """An image (3, height, width) from 0 to 1 of soft patches: at hard edges the rounding of the resize alone is ten times as much."""
    coarse = torch.rand(1, 3, PATCHES, PATCHES, generator=torch.Generator().manual_seed(seed))
    return interpolate(coarse, size, mode="bilinear")[0]


def set_statistics(network: Any, images: list[Tensor]) -> None:
    """Give every normalisation the mean and variance of the images."""
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = None  # the plain mean over all batches
        norm.train()
    with torch.no_grad():
        network.backbone(network.transform.eval()(images)[0].tensors)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    network.eval()


def set_spread(network: Any, layer: nn.Module, images: list[Tensor], spread: float) -> None:
    """Scale a layer so that its outputs on the images have this standard deviation, and mean zero in every channel."""
    with recorded(layer) as outputs, torch.no_grad():
        network(images)
        values = torch.cat([output.movedim(1, -1).flatten(0, -2) for output in outputs])
        factor = spread / values.std()
        layer.weight.mul_(factor)
        layer.bias.sub_(values.mean(0)).mul_(factor)


@contextmanager
def recorded(layer: nn.Module) -> Iterator[list[Tensor]]:
    """The outputs of a layer within the block."""
    outputs: list[Tensor] = []
    hook = layer.register_forward_hook(lambda _module, _inputs, output: outputs.append(output.detach()))
    try:
        yield outputs
    finally:
        hook.remove()
