"""The back end: makes one decision record out of the keys of all rows and rounds."""

from dataclasses import dataclass

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from prototile.rtl.buffers import IN_FLIGHT, SLOTS, in_block_ram
from prototile.rtl.grid import GridShape
from prototile.rtl.layout import TAG_WIDTH, record_layout
from prototile.rtl.record import First, RecordShape, judged, margin_of
from prototile.rtl.vote import Vote


@dataclass(frozen=True, kw_only=True)
class Tables:
    """What the collector knows of the model.

    Parameters
    ----------
    prototypes
        Index of the prototype for each segment and position: ``segments << position_width`` ints, the position (place
        above, column below) in the low bits. A segment is one round of one row, row 0 of round 0 first.
    classes
        Class of each segment, or None if it is empty.
    radii
        Radius of each segment; None for a model without radii or with one for each prototype, which the grid compares.
    """

    prototypes: list[int]
    classes: list[int | None]
    radii: list[int] | None


class Collector(wiring.Component):
    """Keeps the first key of all, and the first of another class than that.

    Every key belongs to one class, because a row serves one class per round. So the two first keys of different
    classes are the winner and the first of the runner-up's class, whatever the arrangement of classes over the grid.

    A key is taken every second cycle. One cycle after, the tables tell its prototype and class; two after, it is
    compared with the two best; three after, it may replace them. After the last key of a query the record is made in
    three cycles, and waits for the output register.

    Attributes
    ----------
    key, complete, move
        From and to the grid's north-east corner.
    accepted, saturated, tag
        From the sequencer, for each query that enters.
    o : Out(stream)
        Records, `record_layout`.
    released : Out(1)
        A record was taken.
    """

    def __init__(self, shape: GridShape, record: RecordShape, tables: Tables):
        segments = shape.rows * shape.rounds
        if len(tables.classes) != segments or len(tables.prototypes) != segments << shape.position_width:
            raise ValueError(
                f"tables must hold {segments} segments of {1 << shape.position_width} positions, "
                f"not {len(tables.classes)} and {len(tables.prototypes)}"
            )
        self.shape = shape
        self.record = record
        self.tables = tables
        self.segments = segments
        saturated_width = record.width("saturated")
        super().__init__(
            {
                "key": In(shape.key_width),
                "complete": In(1),
                "move": Out(1),
                "accepted": In(1),
                "saturated": In(saturated_width),
                "tag": In(TAG_WIDTH),
                "o": Out(stream.Signature(record_layout(record.fields))),
                "released": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        segment, first, last, taking = self._step(m)

        # Each stage holds its key for one cycle; the next key is two cycles behind, so it finds the best up to date.
        stages = []
        valid = taking
        for name in ("looked_up", "compared", "kept"):
            first_after, last_after, valid_after = (
                Signal(name=f"{name}_{part}") for part in ("first", "last", "valid")
            )
            before = stages[-1] if stages else (first, last)
            m.d.sync += [valid_after.eq(valid), first_after.eq(before[0]), last_after.eq(before[1])]
            stages.append((first_after, last_after))
            valid = valid_after

        occupied, class_, order = self._look_up(m, segment)
        best, runner, counts = self._keep(m, valid, stages[-1][0], occupied, class_, order)
        done = Signal()
        m.d.comb += done.eq(valid & stages[-1][1])
        index_width = self.record.width("prototype")
        first, second = best.first(index_width), runner.first(index_width)
        nearest = {"prototype": best.order[:index_width], "distance": first.distance}
        if self.shape.keeps:
            vote = self._vote(m, order, class_)
            m.d.comb += [vote.take.eq(valid & counts), vote.first.eq(valid & stages[-1][0]), vote.start.eq(done)]
            # The winner's first neighbour fires if any prototype does, as the first of all.
            elected = vote.label == first.class_
            second = First(
                valid=second.valid | ~elected,
                class_=Mux(elected, second.class_, first.class_),
                distance=Mux(elected, second.distance, first.distance),
                not_firing=Mux(elected, second.not_firing, first.not_firing),
            )
            first = First(valid=1, class_=vote.label, distance=vote.distance, not_firing=first.not_firing)
            nearest |= {"tie": vote.tie}
            done = vote.ended
        self._answer(m, done, first, second, nearest)
        return m

    def _step(self, m):
        """Take row 0's key when it is complete, then pull the next row's every second cycle."""
        rows, passes = self.shape.rows, self.shape.passes
        row = Signal(range(max(2, rows)))
        segment = Signal(range(max(2, self.segments)))
        readout = Signal(range(max(2, passes)))
        sweeps = Signal()
        repeats = Signal()
        taking = Signal()
        moving = Signal()
        pull = Signal()
        first = (segment == 0) & (readout == 0)
        last = (segment == self.segments - 1) & (readout == passes - 1)
        m.d.comb += [
            sweeps.eq(row == rows - 1),
            repeats.eq(sweeps & (readout != passes - 1)),
            taking.eq(self.complete | pull),
            self.move.eq(taking & (row != rows - 1)),
        ]
        m.d.sync += [moving.eq(self.move), pull.eq(moving)]
        with m.If(taking):
            m.d.sync += [
                row.eq(Mux(sweeps, 0, row + 1)),
                readout.eq(Mux(sweeps, Mux(repeats, readout + 1, 0), readout)),
                # All rows again for the next readout of the same prototypes.
                segment.eq(Mux(repeats, segment - (rows - 1), Mux(segment == self.segments - 1, 0, segment + 1))),
            ]
        return segment, first, last, taking

    def _look_up(self, m, segment):
        """Whether the segment holds anything, its class, and the whole key in the order of prototypes."""
        shape, tables = self.shape, self.tables
        index_width = self.record.width("prototype")
        class_width = self.record.width("label")
        address = Cat(self.key[: shape.position_width], segment[: (self.segments - 1).bit_length()])
        prototype = self._table(m, "prototypes", tables.prototypes, index_width, address)
        rows = [0 if class_ is None else class_ << 1 | 1 for class_ in tables.classes]
        width = 1 + class_width
        radius_width = 0
        if tables.radii is not None:
            radius_width = max(1, max(tables.radii).bit_length())
            rows = [row | radius << width for row, radius in zip(rows, tables.radii, strict=True)]
        entry = self._table(m, "segments", rows, width + radius_width, segment[: (self.segments - 1).bit_length()])

        # The key moves on two cycles after it was taken, so it is still there when the tables answer.
        distance = self.key[shape.position_width :][: shape.distance_width]
        not_firing = Signal()
        if shape.radius:
            m.d.comb += not_firing.eq(self.key[-1])
        elif tables.radii is not None:
            m.d.comb += not_firing.eq(distance >= entry[width:])
        occupied = Signal()
        class_ = Signal(class_width, reset_less=True)
        order = Signal(index_width + shape.distance_width + 1, reset_less=True)
        m.d.sync += [
            # A row that has no more prototypes to give shows all ones, which is no distance there can be.
            occupied.eq(entry[0] & ~distance.all() if shape.keeps else entry[0]),
            class_.eq(entry[1:width]),
            order.eq(Cat(prototype, distance, not_firing)),
        ]
        return occupied, class_, order

    @staticmethod
    def _table(m, name, rows, width, address):
        """A constant table, answered one cycle later."""
        if len(rows) == 1:
            return Const(rows[0], width)
        m.submodules[name] = memory = Memory(
            shape=width,
            depth=len(rows),
            init=rows,
            attrs={"rom_style": "block" if in_block_ram(len(rows), width) else "logic"},
        )
        read = memory.read_port()
        m.d.comb += read.addr.eq(address)
        return read.data

    def _keep(self, m, valid, first, occupied, class_, order):
        """Keep the first key of all, and the first of another class; third is whether the present key counts."""
        best, runner = (Kept(name, len(class_), len(order)) for name in ("best", "runner_up"))

        # Compared with the two best of the moment: nothing replaces them before the next cycle.
        before_best, before_runner, same_class, occupied_after = (
            Signal(name=name) for name in ("before_best", "before_runner_up", "same_class", "compared_occupied")
        )
        class_after = Signal(len(class_), reset_less=True)
        order_after = Signal(len(order), reset_less=True)
        m.d.sync += [
            before_best.eq(order < best.order),
            before_runner.eq(order < runner.order),
            same_class.eq(class_ == best.class_),
            occupied_after.eq(occupied),
            class_after.eq(class_),
            order_after.eq(order),
        ]

        leads = Signal()
        follows = Signal()
        alone = Signal()
        m.d.comb += [
            alone.eq(first | ~best.valid),
            leads.eq(valid & occupied_after & (alone | before_best)),
            follows.eq(valid & occupied_after & ~alone & ~same_class & (~runner.valid | before_runner)),
        ]
        with m.If(valid & first):
            m.d.sync += [best.valid.eq(occupied_after), runner.valid.eq(0)]
        with m.Elif(leads):
            m.d.sync += best.valid.eq(1)
        with m.If(leads):
            m.d.sync += [best.class_.eq(class_after), best.order.eq(order_after)]
            with m.If(~alone & ~same_class):
                m.d.sync += [runner.valid.eq(1), runner.class_.eq(best.class_), runner.order.eq(best.order)]
        with m.Elif(follows):
            m.d.sync += [runner.valid.eq(1), runner.class_.eq(class_after), runner.order.eq(order_after)]
        return best, runner, occupied_after

    def _vote(self, m, order, class_):
        """The neighbours that vote, fed with each key."""
        m.submodules.vote = vote = Vote(
            k=self.shape.passes,
            class_width=len(class_),
            distance_width=self.shape.distance_width,
            order_width=len(order),
        )
        m.d.comb += [vote.order.eq(order), vote.class_.eq(class_)]
        return vote

    def _answer(self, m, done, first, second, nearest):
        """Make the record, whose fields `nearest` come from the first of all, and wait for the output register."""
        has_radii = self.shape.radius or self.tables.radii is not None

        subtracted = Signal()
        margin = Signal(signed(self.record.width("margin")), reset_less=True)
        waiting = Signal()
        taken = Signal()
        m.d.sync += [subtracted.eq(done), margin.eq(margin_of(first, second))]
        with m.If(subtracted):
            m.d.sync += waiting.eq(1)
        with m.Elif(taken):
            m.d.sync += waiting.eq(0)

        saturated, tag = self._sidebands(m, taken)
        output = Signal(self.o.payload.shape(), reset_less=True)
        output_valid = Signal()
        m.d.comb += [
            taken.eq(waiting & (~output_valid | self.o.ready)),
            self.released.eq(output_valid & self.o.ready),
            self.o.valid.eq(output_valid),
            self.o.payload.eq(output),
        ]
        fields = judged(self.record, first, second, prototype=nearest["prototype"], margin=margin, has_radii=has_radii)
        fields |= nearest
        with m.If(taken):
            m.d.sync += [
                output_valid.eq(1),
                *(output[name].eq(value) for name, value in fields.items()),
                output.saturated.eq(saturated),
                output.tag.eq(tag),
            ]
        with m.Elif(self.released):
            m.d.sync += output_valid.eq(0)

    def _sidebands(self, m, taken):
        """What came with each query, in a ring as long as there may be queries inside."""
        depth = SLOTS + IN_FLIGHT
        width = len(self.saturated) + len(self.tag)
        ring = [Signal(width, name=f"sideband_{at}", reset_less=True) for at in range(depth)]
        into, out_of = Signal(range(depth)), Signal(range(depth))
        with m.If(self.accepted):
            m.d.sync += into.eq(into + 1)
            with m.Switch(into):
                for at, entry in enumerate(ring):
                    with m.Case(at):
                        m.d.sync += entry.eq(Cat(self.saturated, self.tag))
        with m.If(taken):
            m.d.sync += out_of.eq(out_of + 1)
        current = Signal(width)
        with m.Switch(out_of):
            for at, entry in enumerate(ring):
                with m.Case(at):
                    m.d.comb += current.eq(entry)
        return current[: len(self.saturated)], current[len(self.saturated) :]


class Kept:
    """One of the two keys that the collector keeps: whether there is one, its class, and its place in the order."""

    def __init__(self, name: str, class_width: int, order_width: int):
        self.valid = Signal(name=f"{name}_valid")
        self.class_ = Signal(class_width, name=f"{name}_class", reset_less=True)
        self.order = Signal(order_width, name=f"{name}_order", reset_less=True)

    def first(self, index_width: int) -> First:
        """What the record says of it."""
        return First(
            valid=self.valid,
            class_=self.class_,
            distance=self.order[index_width:-1],
            not_firing=self.order[-1],
        )
