"""The front end: takes queries in, and plays each as often to the grid as its elements have prototypes."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from prototile.rtl.buffers import IN_FLIGHT, SLOTS, in_block_ram
from prototile.rtl.distance.hamming import coded
from prototile.rtl.grid import GridShape
from prototile.rtl.layout import TAG_WIDTH, query_layout


class Sequencer(wiring.Component):
    """Buffers whole queries and sends them through the grid without a gap.

    A query enters the grid when all its words are there, so stalls of the input never reach the grid, and when its
    record has a place to go to, so stalls of the output never do either.

    Parameters
    ----------
    shape
        The grid's.
    query_interval
        Cycles from one query's start to that of the next, at least ``rounds * round_interval``.
    saturated_width
        Bits of the count of clipped components that comes with each query.

    Attributes
    ----------
    i : In(stream)
        Words of queries, `query_layout`. ``ready`` stays high within a query. A query with ``drop`` at its last word,
        or with another count of words than the grid's, is forgotten.
    o : Out(shape.hop())
        To tile (0, 0).
    write : In(stream)
        Only if memories can be written: words for them, ``shape.write``. One is taken while no query plays or waits;
        queries that come after it meet the new word. Once ``ready`` is high it stays so while no query enters.
    accepted : Out(1)
        A query is complete; ``saturated`` and ``tag`` belong to it.
    released : In(1)
        A record was taken.
    """

    def __init__(self, shape: GridShape, *, query_interval: int, saturated_width: int):
        if query_interval < shape.rounds * shape.round_interval:
            raise ValueError(
                f"query_interval must be at least {shape.rounds * shape.round_interval}, not {query_interval!r}"
            )
        self.shape = shape
        self.query_interval = query_interval
        self.saturated_width = saturated_width
        ports = {"write": In(stream.Signature(shape.write))} if shape.writable else {}
        super().__init__(
            ports
            | {
                "i": In(stream.Signature(query_layout(shape.word_width, saturated_width))),
                "o": Out(shape.hop()),
                "accepted": Out(1),
                "saturated": Out(saturated_width),
                "tag": Out(TAG_WIDTH),
                "released": In(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        shape = self.shape
        word_bits = (shape.words - 1).bit_length()
        depth = SLOTS << word_bits
        m.submodules.buffer = buffer = Memory(
            shape=shape.word_width,
            depth=depth,
            init=[],
            attrs={"ram_style": "block" if in_block_ram(depth, shape.word_width) else "logic"},
        )
        full = Signal(SLOTS)
        freed = Signal(SLOTS)
        filled = Signal(SLOTS)
        m.d.sync += full.eq((full | filled) & ~freed)
        self._take(m, buffer.write_port(), word_bits, full, filled)
        self._play(m, buffer.read_port(), word_bits, full, freed)
        return m

    def _take(self, m, write, word_bits, full, filled):
        """Write a query's words into a free slot, and count them."""
        slot = Signal()
        # Counts to one more than there are words, and stays there: a query that is too long must not pass for a good
        # one.
        count = Signal(range(self.shape.words + 1))
        taken = self.i.valid & self.i.ready
        good = Signal()
        m.d.comb += [
            self.i.ready.eq(~full.bit_select(slot, 1)),
            write.addr.eq(Cat(count[:word_bits], slot)),
            write.data.eq(self.i.payload.data),
            write.en.eq(taken & (count != self.shape.words)),
            good.eq(taken & self.i.payload.last & ~self.i.payload.drop & (count == self.shape.words - 1)),
            self.accepted.eq(good),
            self.saturated.eq(self.i.payload.saturated),
            self.tag.eq(self.i.payload.tag),
            filled.eq(good << slot),
        ]
        with m.If(taken):
            with m.If(self.i.payload.last):
                m.d.sync += count.eq(0)
            with m.Elif(count != self.shape.words):
                m.d.sync += count.eq(count + 1)
        with m.If(good):
            m.d.sync += slot.eq(~slot)

    def _play(self, m, read, word_bits, full, freed):
        """Send a full slot through the grid once a round."""
        shape = self.shape
        rounds_last = shape.rounds - 1
        gap = self.query_interval - shape.rounds * shape.round_interval
        slot = Signal()
        running = Signal()
        round_ = Signal(range(max(2, shape.rounds)))
        step = Signal(range(shape.round_interval + gap))
        address = Signal(range(max(2, shape.rounds * shape.memory_rows)))
        in_flight = Signal(range(IN_FLIGHT + 1))

        round_end = Signal()
        query_end = Signal()
        start = Signal()
        m.d.comb += [
            round_end.eq(step == shape.round_interval - 1),
            query_end.eq((round_ == rounds_last) & (step == shape.round_interval + gap - 1)),
            start.eq(full.bit_select(slot, 1) & (in_flight != IN_FLIGHT) & (~running | query_end)),
        ]
        m.d.sync += in_flight.eq(in_flight + start - self.released)

        loads = Signal()
        rotates = Signal()
        m.d.comb += [
            loads.eq(running & (step < shape.words)),
            rotates.eq(running & (step >= shape.words) & (step < shape.memory_rows)),
        ]
        shifts, keeps = self._readouts(m, running, step)
        with m.If(loads | rotates):
            m.d.sync += address.eq(address + 1)
        with m.If(running):
            m.d.sync += step.eq(step + 1)
            with m.If(round_end & (round_ != rounds_last)):
                m.d.sync += [step.eq(0), round_.eq(round_ + 1)]
            with m.If(query_end):
                m.d.sync += running.eq(0)
        # The slot is free when its last word was read, which leaves the rest of the round to fill it again.
        with m.If(loads & (round_ == rounds_last) & (step == shape.words - 1)):
            m.d.sync += slot.eq(~slot)
            m.d.comb += freed.eq(1 << slot)
        with m.If(start):
            m.d.sync += [running.eq(1), step.eq(0), round_.eq(0), address.eq(0)]

        # The buffer answers one cycle later: everything else waits for it.
        accumulate = Signal()
        shift = Signal()
        address_after = Signal(len(address), reset_less=True)
        m.d.sync += [accumulate.eq(loads), shift.eq(shifts), address_after.eq(address)]
        word = coded(shape.unit, read.data)
        if shape.writable:
            word = self._write(m, ~running & ~full.any(), word, address_after)
        m.d.comb += [
            read.addr.eq(Cat(step[:word_bits], slot)),
            self.o.query.eq(word),
            self.o.address.eq(address_after),
            self.o.accumulate.eq(accumulate),
            self.o.shift.eq(shift),
        ]
        if shape.keeps:
            keep = Signal()
            m.d.sync += keep.eq(keeps)
            m.d.comb += self.o.keep.eq(keep)
        if shape.radius:
            rotate = Signal()
            m.d.sync += rotate.eq(rotates)
            m.d.comb += self.o.rotate.eq(rotate)
        if "round" in shape.hop().members:
            round_after = Signal(len(self.o.round), reset_less=True)
            m.d.sync += round_after.eq(round_)
            m.d.comb += self.o.round.eq(round_after)

    def _write(self, m, idle, word, address):
        """Send a word for a memory in place of a query's; returns the word that is sent."""
        unit, payload = self.shape.unit, self.write.payload
        taken = Signal()
        # Not ended by a reset: what was taken is written.
        writes = Signal(reset_less=True)
        held = Signal(self.write.payload.shape(), reset_less=True)
        m.d.comb += [self.write.ready.eq(idle), taken.eq(self.write.valid & idle)]
        m.d.sync += [writes.eq(taken), held.eq(payload)]
        levels = unit.level_bits
        with m.If(taken):
            m.d.sync += address.eq(payload.address[levels:])
        m.d.comb += [
            self.o.write.eq(writes),
            *(getattr(self.o, name).eq(held[name]) for name in ("row", "column", "element")),
        ]
        if levels:
            m.d.comb += self.o.beside.eq(held.data)
            return Mux(writes, held.address[:levels].replicate(unit.lanes), word)
        m.d.comb += self.o.beside.eq(held.data[unit.word_width :])
        return Mux(writes, held.data[: unit.word_width], word)

    def _readouts(self, m, running, step):
        """Whether distances leave, and whether they are kept for a further readout."""
        shape = self.shape
        begun = running & (step >= shape.memory_rows)
        if not shape.keeps:
            return begun & (step < shape.memory_rows + shape.distance_width), Const(0)
        readout = Signal(range(shape.passes))
        at = Signal(range(shape.pass_interval))
        keeps = Signal()
        m.d.comb += keeps.eq(begun & (readout != shape.passes - 1))
        with m.If(~begun):
            m.d.sync += [readout.eq(0), at.eq(0)]
        with m.Elif(keeps & (at == shape.pass_interval - 1)):
            m.d.sync += [readout.eq(readout + 1), at.eq(0)]
        with m.Elif(keeps | (at != shape.distance_width)):
            m.d.sync += at.eq(at + 1)
        return begun & (at < shape.distance_width), keeps
