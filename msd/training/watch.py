"""What a training shows of itself: its curves, whether its values are finite, how far it is."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from tqdm import tqdm

from msd.errors import UserError
from msd.training.engine import Engine, Part
from msd.training.history import History

if TYPE_CHECKING:
    from msd.training.loop import Outcome

SECONDS = 60.0
"""Between two lines of progress in a log."""


class Watch:
    """Keeps the values of each step on the device, and reads those of many steps at once.

    Args:
        name, seed: of the training.   history: where its curves go.   steps: of the whole training, `done` of them are.
    """

    def __init__(self, name: str, seed: int, history: History, engine: Engine, *, steps: int, done: int) -> None:
        self.name, self.seed, self.history, self.engine, self.steps = name, seed, history, engine, steps
        self.noted: list[tuple[int, int, list[str], list[str], float, Tensor, list[tuple[str, Tensor, Tensor]]]] = []
        self.samples, self.first, self.started, self.printed = 0, done, time.monotonic(), time.monotonic()
        on_terminal = engine.index == 0 and sys.stdout.isatty()
        self.bar = tqdm(desc=name, total=steps, initial=done, file=sys.stdout, leave=False) if on_terminal else None

    def note(self, step: int, epoch: int, parts: Sequence[Part], outcomes: Sequence[Outcome], *, rate: float) -> None:
        """Take the values of one step."""
        terms, checked = list(outcomes[0].terms), list(outcomes[0].checked)
        values = [torch.stack([outcome.loss, *outcome.terms.values()]).detach().double() for outcome in outcomes]
        wrong = [
            torch.stack([~torch.isfinite(each).all() for each in (*outcome.checked.values(), outcome.loss)]).double()
            for outcome in outcomes
        ]
        kept = [
            (term, part.rows, outcome.kept[term].detach())
            for part, outcome in zip(parts, outcomes, strict=True)
            for term in outcome.kept
        ]
        row = torch.cat((torch.stack(values).sum(0), torch.stack(wrong).sum(0)))
        self.noted.append((step, epoch, terms, checked, rate, row, kept))
        self.samples += parts[0].size

    def read(self, step: int) -> None:
        """Note in the history what was taken since the last time; `step` steps are done.

        Raises UserError for the first step with a value that is not finite.
        """
        if not self.noted:
            return
        values = iter(self.engine.add(torch.cat([row for *_, row, _ in self.noted])).tolist())
        for number, epoch, terms, checked, rate, _, kept in self.noted:
            loss, means = next(values), {term: next(values) for term in terms}
            for what in (*checked, "the values of the loss"):
                if next(values):
                    raise UserError(
                        f"{self.name}, step {number}: {what} are no longer finite; lower the learning rate or the clip"
                    )
            for term, rows, each in kept:
                self.history.add_samples(self.seed, number, epoch, term, rows, each)
            self.history.add(self.seed, number, epoch, {"loss": loss, **means, "learning_rate": rate})
        self.noted.clear()
        if self.bar is not None:
            self.bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
            self.bar.update(step - self.bar.n)
        elif time.monotonic() - self.printed >= SECONDS:
            self._print(step, loss)

    def close(self, step: int) -> None:
        """Say in a line of the log what the training came to."""
        if self.bar is not None:
            self.bar.close()
        if step:
            self._print(step, self.history.last("loss"))

    def _print(self, step: int, loss: float) -> None:
        if self.engine.index > 0:
            return
        self.printed = time.monotonic()
        seconds = self.printed - self.started
        left = seconds / max(1, step - self.first) * (self.steps - step)
        speed = f"{self.samples / max(seconds, 1e-9):,.0f} samples a second"
        end = f"{left:.0f} s left" if step < self.steps else f"{seconds:.0f} s in all"
        print(f"{self.name}: step {step} of {self.steps}, loss {loss:.4g}, {speed}, {end}", file=sys.stderr, flush=True)
