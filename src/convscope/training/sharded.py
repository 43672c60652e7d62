"""One step of learning a net that does not fit on one device: each worker holds a part of each parameter, by FSDP2.

`theta`, the gradient and the optimiser's vectors are those of this worker's parts; what the net itself has of them are
copies, brought together layer by layer while it computes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Num
from torch import Tensor
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor, Shard

from convscope.nets.build import Net
from convscope.training import pieces
from convscope.training.batches import Feeder
from convscope.training.learner import TorchLearner
from convscope.training.rates import Span, freeze, learned_layers, spans
from convscope.training.recipe import Recipe
from convscope.training.together import Group


class ShardedLearner(TorchLearner):
    """Learns with PyTorch's autograd, the net divided over several workers."""

    def __init__(self, net: Net, recipe: Recipe, device: str, group: Group):
        super().__init__(net, recipe, device, group)
        self.added = self.told.new_zeros(group.tail)[:0]
        if device.startswith("cuda"):
            self.steps.refuse("each layer is brought together from all workers")

    def weights(self) -> dict[str, np.ndarray]:
        self._give()
        found = {}
        for name, value in self.net.state_dict().items():
            whole = value.full_tensor() if isinstance(value, DTensor) else value
            if self.group.leads:
                found[name] = whole.detach().cpu().numpy()
        return found

    def state(self) -> dict[str, np.ndarray]:
        return {name: array for name, array in super().state().items() if name not in ("first", "second")}

    def load(self, state: dict[str, np.ndarray]) -> None:
        """Go on from such arrays: those of one process, or, where pieces were read already, what is left."""
        own = {
            name: self.own(torch.from_numpy(state[name])) if name in state else vector.cpu()
            for name, vector in self._vectors().items()
        }
        super().load(state | {name: vector.numpy() for name, vector in own.items()})

    @torch.no_grad()
    def answers(self, feeder: Feeder, start: int, stop: int) -> Float[Tensor, "n k"]:
        """All workers ask equally often; who has nothing to ask about asks about the first picture."""
        self._give()
        self.net.eval()
        given: list[Tensor] = []

        def ask(n: int) -> None:
            index = torch.arange(start, stop) if n else torch.zeros(1, dtype=torch.int64)
            given.append(self.net(feeder.plain(index)).cpu()[:n])

        self._fitting_at_once(ask, stop - start)
        return given[0]

    def write_pieces(self, folder: Path, average: Tensor | None) -> None:
        """Write the vectors, each worker its own part.

        Raises:
            RunError: One of them could not.
        """
        pieces.write(folder, self._tensors(average))

    def read_pieces(self, folder: Path, average: Tensor | None) -> None:
        """Read them, whoever wrote which part.

        Raises:
            RunError: They are damaged, or of another net.
        """
        pieces.read(folder, self._tensors(average))

    def own(self, vector: Tensor) -> Tensor:
        """This worker's part of a vector of all parameters: its rows of each of them."""
        found, place = [], 0
        for name, p in self.parameters.items():
            assert isinstance(p, DTensor)
            whole = vector[place : place + p.numel()].view(p.shape)
            place += p.numel()
            assert p.placements == (Shard(0),), name
            cut = whole.chunk(self.group.size)
            own = cut[self.group.rank] if self.group.rank < len(cut) else whole[:0]
            found.append(own.reshape(-1))
        return torch.cat(found)

    def _laid_out(self) -> tuple[Tensor, Tensor, Tensor, tuple[Span, ...]]:
        factors = _factors(self.net, self.recipe)
        freeze(self.net, self.recipe)
        _shard(self.net, self.device, self.group)
        self.parameters = dict(self.net.named_parameters())
        self.parts = {name: _local(p) for name, p in self.parameters.items()}
        theta = torch.cat([part.reshape(-1) for part in self.parts.values()])
        decayed = torch.cat([
            torch.full((self.parts[name].numel(),), float(p.dim() > 1)) for name, p in self.parameters.items()
        ])  # fmt: skip
        found, place = [], 0
        for name, part in self.parts.items():
            start, place = place, place + part.numel()
            if (factor := factors[name]) is not None:
                found.append(Span(slice(start, place), factor))
        return theta, torch.zeros_like(theta), decayed.to(theta.device), tuple(found)

    def _learn(self, pictures: Float[Tensor, "n c h w"], wanted: Num[Tensor, "n ..."]) -> None:
        self._give()
        super()._learn(pictures, wanted)
        gradients = self._split(self.gradient)
        for name, p in self.parameters.items():
            if p.grad is not None:
                gradients[name].copy_(_local(p.grad))
                p.grad = None
        if self.seen.share.rows is None:
            self.gradient.div_(self.group.size)

    @torch.no_grad()
    def _give(self) -> None:
        """Let the net have what `theta` says."""
        for part, own in zip(self.parts.values(), self._split(self.theta).values(), strict=True):
            part.copy_(own)

    def _split(self, vector: Tensor) -> dict[str, Tensor]:
        cut = vector.split([part.numel() for part in self.parts.values()])
        return {name: own.view(part.shape) for own, (name, part) in zip(cut, self.parts.items(), strict=True)}

    def _vectors(self) -> dict[str, Tensor]:
        return {"first": self.optimiser.first, "second": self.optimiser.second}

    def _tensors(self, average: Tensor | None) -> dict[str, Tensor]:
        """Every vector by parameters, each of them known as a part of a whole."""
        vectors = {"theta": self.theta, **self._vectors()}
        if average is not None:
            vectors["average"] = average
        found: dict[str, Tensor] = {}
        for kind, vector in vectors.items():
            for name, part in self._split(vector).items():
                p = self.parameters[name]
                assert isinstance(p, DTensor)
                found[f"{kind}/{name}"] = DTensor.from_local(
                    part, p.device_mesh, p.placements, run_check=False, shape=p.shape, stride=p.stride()
                )
        return found


def _shard(net: Net, device: str, group: Group) -> None:
    """Divide each layer over the workers; gradients are added up, not averaged."""
    mesh = init_device_mesh(device.split(":")[0], (group.size,))
    sent = MixedPrecisionPolicy(reduce_dtype=torch.bfloat16 if group.wire == "bfloat16" else None)
    for layer in [*learned_layers(net).values(), net]:
        fully_shard(layer, mesh=mesh, mp_policy=sent)
    for module in net.modules():
        if isinstance(module, FSDPModule):
            module.set_gradient_divide_factor(1.0)
            module.set_force_sum_reduction_for_comms(True)


def _local(tensor: Tensor) -> Tensor:
    assert isinstance(tensor, DTensor)
    return tensor.to_local()


def _factors(net: Net, recipe: Recipe) -> dict[str, float | None]:
    """The factor of the learning rate of each parameter; None where it does not learn."""
    found, place, learning = {}, 0, spans(net, recipe)
    for name, p in net.named_parameters():
        found[name] = next((s.factor for s in learning if s.part.start <= place < s.part.stop), None)
        place += p.numel()
    return found
