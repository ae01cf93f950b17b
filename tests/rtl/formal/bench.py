"""The bench of a proof: real modules, what surrounds them, and what must hold; written as RTLIL for a prover."""

from collections.abc import Callable
from typing import Any

from amaranth.back import rtlil
from amaranth.hdl import Cat, ClockDomain, Const, Elaboratable, Fragment, Instance, Module, Signal, Value
from amaranth.hdl._mem import MemoryInstance
from amaranth.lib import wiring

#: Of a register that may start with anything.
UNKNOWN = "formal_unknown"
BROKEN, REACHED = "broken_", "reached_"


class Internals:
    """Signals inside an elaborated component, by their paths: ``sequencer.in_flight``.

    So properties may speak of a module's registers, and no module has to show them. Of several that have one name in a
    module a register is meant, or what the module drives, in this order.
    """

    def __init__(self, fragment: Fragment):
        self._registers: dict[str, list[Signal]] = {}
        self._driven: dict[str, list[Signal]] = {}
        self._read: dict[str, list[Signal]] = {}
        self._machines: dict[str, Any] = {}
        self._memories: dict[str, MemoryInstance] = {}
        self._holders: dict[str, tuple[Fragment, str]] = {}
        self._collect(fragment, "")

    def __getitem__(self, path: str) -> Signal:
        kinds = (self._registers, self._driven, self._read)
        found = next((kind[path] for kind in kinds if path in kind), [])
        if len(found) != 1:
            prefix = path.rpartition(".")[0]
            beside = ", ".join(dict.fromkeys(one for kind in kinds for one in kind if one.rpartition(".")[0] == prefix))
            raise KeyError(f"{len(found)} signals are called {path!r}, not one; there are {beside}")
        return found[0]

    def several(self, path: str) -> list[Signal]:
        """Registers of one name in one module, in the order in which it drives them."""
        return self._registers[path]

    def state(self, path: str, name: str):
        """Whether the state machine of the module at `path`, which ends with a dot or is empty, is in a state."""
        machine = self._machines[path]
        return machine.state == machine.encoding[name]

    def is_encoded(self, path: str):
        """Whether the state machine at `path` is in a state that there is."""
        machine = self._machines[path]
        return machine.state <= max(machine.encoding.values())

    def word(self, path: str, address) -> Signal:
        """What the memory at `path` holds at an address in this cycle, whatever its own ports read."""
        memory = self._memories[path]
        content = Signal(memory._data.shape, name=f"{path.rpartition('.')[2]}_word")
        width = (memory._data.depth - 1).bit_length()
        at = Cat(Value.cast(address), Const(0, width))[:width]
        memory.read_port(domain="comb", addr=at, data=content, en=Const(1), transparent_for=())
        return content

    def taken_out(self, path: str) -> dict[str, Value]:
        """Take an instance of another module out of the component; returns its ports, to be driven and read instead."""
        holder, name = self._holders[path]
        instance = next(fragment for fragment, one, _ in holder.subfragments if one == name)
        if not isinstance(instance, Instance):
            raise TypeError(f"{path!r} is no instance of another module")
        holder.subfragments = [entry for entry in holder.subfragments if entry[1] != name]
        return {port: value for port, (value, _) in instance.ports.items()}

    def registers(self) -> list[Signal]:
        """All that hold a value from one cycle to the next, but for memories."""
        return [one for signals in self._registers.values() for one in signals]

    def _collect(self, fragment, prefix):
        if "fsm" in fragment.generated:
            self._machines[prefix] = fragment.generated["fsm"]
        for domain, statements in fragment.statements.items():
            for signal in statements._lhs_signals():
                self._note(self._driven if domain == "comb" else self._registers, prefix, signal)
            for signal in statements._rhs_signals():
                self._note(self._read, prefix, signal)
        for subfragment, name, _ in fragment.subfragments:
            self._holders[f"{prefix}{name}"] = fragment, name
            if isinstance(subfragment, MemoryInstance):
                self._memories[f"{prefix}{name}"] = subfragment
            self._collect(subfragment, f"{prefix}{name}.")

    @staticmethod
    def _note(signals, prefix, signal):
        named = signals.setdefault(prefix + signal.name, [])
        if all(signal is not one for one in named):
            named.append(signal)


class Bench(Elaboratable):
    """Collects a device under proof, free inputs, assumptions and properties, then elaborates to one module.

    The reset is an input like any other, so it may come in any cycle, unless `without_reset`. An assumption that was
    broken once ends the trace: nothing is claimed of what follows, in this cycle or later.
    """

    def __init__(self):
        self.m = Module()
        self.reset = Signal(name="reset")
        self.inputs: dict[str, Signal] = {}
        self.properties: dict[str, Signal] = {}
        self.covers: dict[str, Signal] = {}
        #: What a property or cover is called, by the name of its output.
        self.names: dict[str, str] = {}
        self._assumptions: list[Value] = []
        self._domain = ClockDomain("sync")
        self.m.domains += self._domain
        self.m.d.comb += self._domain.rst.eq(self.reset)
        #: High in the first cycle.
        self.first = Signal(name="first", init=1, reset_less=True)
        self.m.d.sync += self.first.eq(0)

    def add(self, component: wiring.Component, name: str) -> Internals:
        """The device, or one of several."""
        fragment = Fragment.get(component, None)
        # A component that makes a clock domain of its ports has that of the bench instead.
        fragment.domains.clear()
        self.m.submodules[name] = _Elaborated(fragment)
        return Internals(fragment)

    def without_reset(self) -> None:
        """No reset comes."""
        self.assume(~self.reset)

    def free(self, shape, name: str) -> Signal:
        """Any value in each cycle."""
        if name in self.inputs:
            raise ValueError(f"there are two inputs called {name!r}")
        self.inputs[name] = signal = Signal(shape, name=name)
        return signal

    def drive(self, port, name: str) -> None:
        """Let an input of a component, or a layout of several, have any value in each cycle."""
        value = Value.cast(port)
        self.m.d.comb += value.eq(self.free(len(value), name))

    def constant(self, shape, name: str) -> Signal:
        """Any value, the same in all cycles."""
        signal = self.free(shape, name)
        before = self.register(signal, f"{name}_before")
        self.assume(self.first | (signal == before))
        return signal

    def unknown(self, *signals: Signal) -> None:
        """Registers that may start with anything, instead of their reset value."""
        for signal in signals:
            signal.attrs[UNKNOWN] = 1

    def register(self, value, name: str, *, init=0) -> Signal:
        """The value, one cycle later, whatever the reset does."""
        value = Value.cast(value)
        signal = Signal(value.shape(), name=name, init=init, reset_less=True)
        self.m.d.sync += signal.eq(value)
        return signal

    def assume(self, condition) -> None:
        """Claim nothing where this does not hold, or has not held before."""
        self._assumptions.append(Value.cast(condition).bool())

    def always(self, name: str, condition) -> None:
        """A property: it holds in each cycle."""
        self._output(self.properties, BROKEN, name, ~Value.cast(condition).bool())

    def reachable(self, name: str, condition) -> None:
        """A state that the assumptions leave possible; where one is not, the proof says nothing."""
        self._output(self.covers, REACHED, name, Value.cast(condition).bool())

    def _output(self, outputs, prefix, name, condition):
        key = prefix + "".join(letter if letter.isalnum() else "_" for letter in name)
        if key in outputs:
            raise ValueError(f"there are two properties called {name!r}")
        signal = Signal(name=f"is_{key}")
        self.m.d.comb += signal.eq(condition)
        outputs[key] = signal
        self.names[key] = name

    def elaborate(self, platform):
        holds, held = Signal(name="assumed"), Signal(name="assumed_before", init=1, reset_less=True)
        self.m.d.comb += holds.eq(held & Cat(self._assumptions).all() if self._assumptions else held)
        self.m.d.sync += held.eq(holds)
        self.ports = [self.reset, self._domain.clk, *self.inputs.values()]
        for key, signal in (self.properties | self.covers).items():
            port = Signal(name=key)
            self.m.d.comb += port.eq(holds & signal)
            self.ports.append(port)
        return self.m

    def rtlil(self) -> str:
        """The whole as RTLIL, module ``bench``."""
        fragment = Fragment.get(self, None)
        return rtlil.convert(fragment, name="bench", ports=self.ports, emit_src=False)


class _Elaborated(Elaboratable):
    def __init__(self, fragment):
        self._fragment = fragment

    def elaborate(self, platform):
        return self._fragment


Build = Callable[[Bench], None]
