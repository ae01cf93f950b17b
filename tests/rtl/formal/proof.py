"""What is proved, and the changes of the hardware for which it must not be."""

import importlib
import inspect
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from formal.bench import Bench
from formal.engine import Outcome, check


@dataclass(frozen=True)
class Mutation:
    """A change of one function of the hardware's description: a negative control.

    Parameters
    ----------
    place
        ``module:Class.method`` or ``module:function``, below `prototile.rtl`; a function, where it is called.
    old, new
        Text that stands there once, and what takes its place.
    shape
        Of the shapes of the proof, the one that must show it.
    """

    place: str
    old: str
    new: str
    shape: str | None = None

    def __str__(self) -> str:
        return f"{self.place} {self.old!r} -> {self.new!r}"

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The hardware with this change, for as long as the context lasts."""
        module_name, path = self.place.split(":")
        owner: Any = importlib.import_module(f"prototile.rtl.{module_name}")
        *owners, name = path.split(".")
        for one in owners:
            owner = getattr(owner, one)
        original = inspect.getattr_static(owner, name)
        function = getattr(owner, name)
        source = textwrap.dedent(inspect.getsource(function))
        if source.count(self.old) != 1:
            raise ValueError(f"{self.old!r} stands {source.count(self.old)} times in {self.place}, not once")
        names: dict[str, Any] = {}
        changed = compile(source.replace(self.old, self.new), inspect.getfile(function), "exec")
        exec(changed, function.__globals__, names)
        setattr(owner, name, names[name])
        try:
            yield
        finally:
            setattr(owner, name, original)


@dataclass(frozen=True)
class Misfit:
    """Parameters of a proof that do not fit: a negative control too.

    Parameters
    ----------
    fields
        Parameters, in place of those of the shape.
    shape
        Of the shapes of the proof, the one whose other parameters stand.
    """

    fields: dict[str, Any]
    shape: str | None = None

    def __str__(self) -> str:
        return ", ".join(f"{name} = {value}" for name, value in self.fields.items())


@dataclass(frozen=True, kw_only=True)
class Proof:
    """A claim about a part of the hardware, for some shapes of it.

    Parameters
    ----------
    name
        Of the claim, one word after another.
    about
        Modules that are proved, by their paths below ``rtl``.
    claim
        What holds, in one sentence.
    build
        Fills a bench, given the shape's parameters.
    shapes
        Parameters by the shape's name.
    depth
        Cycles that are complete, given the shape's parameters; the comment at the proof argues why. None for a proof of
        all cycles.
    induction
        Whether the proof of all cycles is by induction over so many cycles, instead of by property directed
        reachability.
    controls
        Changes that must break it.
    quick
        Whether the first shape and the first control take seconds.
    limit
        Seconds after which the prover gives up.
    """

    name: str
    about: tuple[str, ...]
    claim: str
    build: Callable[..., None]
    shapes: dict[str, dict[str, Any]]
    controls: tuple[Mutation | Misfit, ...]
    depth: Callable[..., int] | None = None
    induction: Callable[..., int] | None = None
    quick: bool = True
    limit: int = 120

    @property
    def method(self) -> str:
        """How it is proved."""
        if self.depth is not None:
            return "complete depth"
        return "reachability" if self.induction is None else "induction"

    def run(self, shape: str, folder: Path, **options: Any) -> Outcome:
        """Prove it for one shape."""
        return self._run(self.shapes[shape], folder, **options)

    def refute(self, control: Mutation | Misfit, folder: Path) -> Outcome:
        """Try to prove it with a change for which it must fail."""
        parameters = self.shapes[control.shape or next(iter(self.shapes))]
        if isinstance(control, Misfit):
            return self._run(parameters | control.fields, folder, refute=True)
        with control.applied():
            return self._run(parameters, folder, refute=True)

    def _run(self, parameters, folder, **options):
        def build(bench: Bench) -> None:
            self.build(bench, **parameters)

        if self.depth is not None:
            options["depth"] = self.depth(**parameters)
        if self.induction is not None:
            options["induction"] = self.induction(**parameters)
        return check(build, folder, **({"limit": self.limit} | options))
