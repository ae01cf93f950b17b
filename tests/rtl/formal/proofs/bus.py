"""Buses: each request is answered once, a register reads as the map says, and the core hears what was written."""

from amaranth.hdl import C, Cat, Const, Mux, Signal, Value
from amaranth.lib.wiring import In
from formal.proof import Mutation, Proof

from prototile.rtl.bus.axi_lite import AxiLite
from prototile.rtl.bus.axi_stream import AxiStream
from prototile.rtl.bus.register_map import CONTROL, MAX_PENDING, STATUS, Identity, RegisterMap
from prototile.rtl.bus.registers import Registers
from prototile.rtl.bus.wishbone import Wishbone

FIELDS = (("prototype", 2, False), ("distance", 40, False), ("margin", 3, True), ("saturated", 2, False))


def register_map(*, word_bits, words):
    """A map whose record has a field of two registers and one with a sign."""
    identity = Identity(
        digest=(0x12345678, 0x9ABCDEF0), features=words, bits=word_bits, lanes=1, words=words, prototypes=3, classes=2
    )
    return RegisterMap(identity=identity, saturated_width=2, record_fields=FIELDS)


def core_keeps_its_word(bench, query, record, *, inside):
    """What is proved of the core: within a query it is ready, and a record stands and is that of a query."""
    m = bench.m
    within = Signal(name="within_query")
    with m.If(query.valid & query.ready):
        m.d.sync += within.eq(~query.payload.last)
    bench.assume(~within | query.ready)
    stands = bench.register(record.valid & ~record.ready & ~bench.reset, "record_stands")
    shown = bench.register(record.payload, "record_before")
    bench.assume(~stands | (record.valid & (record.payload.as_value() == shown)))
    bench.assume(~record.valid | (inside != 0))
    return within


def registers(bench, **fields):
    """Any accesses, a read and a write in each cycle, and a core that keeps its word; a reset at any time."""
    m = bench.m
    map_ = register_map(**fields)
    dut = Registers(map_)
    inner = bench.add(dut, "registers")
    query, record = dut.query, dut.record
    for port, name in (
        (dut.write_enable, "write_enable"),
        (dut.write_address, "write_address"),
        (dut.write_data, "write_data"),
        (dut.write_strobe, "write_strobe"),
        (dut.read_address, "read_address"),
        (query.ready, "query_ready"),
        (record.valid, "record_valid"),
        (record.payload, "record"),
    ):
        bench.drive(port, name)
    pending = Signal(range(MAX_PENDING + 1), name="pending")
    within = core_keeps_its_word(bench, query, record, inside=pending)
    starts = query.valid & query.ready & query.payload.last & ~query.payload.drop
    m.d.sync += pending.eq(pending + starts - (record.valid & record.ready))

    def names(address, name):
        return address == map_[name].offset // 4

    # What the map says of a write, and what has been written.
    free = query.ready & (pending != MAX_PENDING)
    allowed = {one.name: Const(1) for one in map_.registers if one.writable} | {"query_data": free}
    possible = Cat(names(dut.write_address, name) & may for name, may in allowed.items()).any() & dut.write_strobe.all()
    bench.always("what the map does not take is refused", dut.write_refused == ~possible)
    writes = dut.write_enable & possible
    written = {name: writes & names(dut.write_address, name) for name in allowed}
    stored = {
        name: Signal(map_[name].width, name=f"stored_{name}") for name in ("interrupt", "query_tag", "query_saturated")
    }
    for name, value in stored.items():
        with m.If(written[name]):
            m.d.sync += value.eq(dut.write_data)

    # The words of a query, made of writes.
    count = map_.writes_per_word
    word, piece = Signal(range(map_.identity.words), name="words_sent"), Signal(range(count + 1), name="pieces")
    pieces = [Signal(32, name=f"piece_{at}", reset_less=True) for at in range(count - 1)]
    begun = Signal(name="has_begun")
    pop, abort = (written["control"] & dut.write_data[CONTROL[name].offset] for name in ("pop", "abort"))
    completes = written["query_data"] & (piece == count - 1)
    drops = abort & (word != 0)
    last = word == map_.identity.words - 1
    with m.If(written["query_data"]):
        m.d.sync += [piece.eq(Mux(completes, 0, piece + 1)), begun.eq(1)]
        for at, one in enumerate(pieces):
            with m.If(piece == at):
                m.d.sync += one.eq(dut.write_data)
    with m.If(completes):
        m.d.sync += word.eq(Mux(last, 0, word + 1))
        with m.If(last):
            m.d.sync += begun.eq(0)
    with m.If(abort):
        m.d.sync += [word.eq(0), piece.eq(0), begun.eq(0)]
    payload = query.payload
    bench.always("a word is sent when it is whole, and the end of what is dropped", query.valid == (completes | drops))
    bench.always("the core takes what is sent", ~query.valid | query.ready)
    whole = Cat(*pieces, dut.write_data)[: map_.word_width]
    bench.always("it is what was written", ~completes | (payload.data == whole))
    bench.always("its place is counted", ~completes | ((payload.last == last) & ~payload.drop))
    bench.always("what is dropped is dropped", ~drops | (payload.last & payload.drop))
    comes_with = (payload.tag == stored["query_tag"]) & (payload.saturated == stored["query_saturated"])
    bench.always("tag and count come with it", comes_with)
    bench.always("a record is popped when it is asked for", record.ready == pop)
    bench.always("the interrupt is that of a record", dut.irq == (stored["interrupt"] & record.valid))

    status = Signal(STATUS)
    m.d.comb += [
        status.query_ready.eq(free),
        status.record_valid.eq(record.valid),
        status.busy.eq(pending != record.valid),
        status.begun.eq(begun),
    ]
    values = {"status": status.as_value(), **stored}
    for part in map_.record:
        bits = Value.cast(record.payload[part.field])[part.low : part.low + part.width]
        values[part.register.name] = Mux(record.valid, bits.as_signed() if part.register.signed else bits, 0)
    for one in map_.registers:
        if one.readable:
            value = Signal(32, name=f"reads_{one.name}")
            m.d.comb += value.eq(values[one.name] if one.value is None else one.value)
            here = names(dut.read_address, one.name)
            bench.always(f"{one.name} reads as the map says", ~here | ((dut.read_data == value) & ~dut.read_refused))
    there = Cat(names(dut.read_address, one.name) for one in map_.registers if one.readable).any()
    bench.always("what is not there to be read is refused", there | dut.read_refused)
    bench.reachable("a query", starts)
    if map_.identity.words > 1:
        bench.reachable("a query is dropped", drops & query.valid)
    bench.reachable("a record is popped", record.valid & record.ready)
    bench.reachable("a word is refused", names(dut.write_address, "query_data") & dut.write_strobe.all() & ~free)

    # What makes it inductive.
    mirrors = {"interrupt": stored["interrupt"], "tag": stored["query_tag"], "saturated": stored["query_saturated"]}
    mirrors |= {"word": word, "begun": begun, "pending": pending}
    if count > 1:
        mirrors["piece"] = piece
    for name, value in mirrors.items():
        bench.always(f"{name} is as it was written", inner[name] == value)
    bench.always("the core has what was sent", within == (word != 0))
    bench.always("counts are in range", (word < map_.identity.words) & (piece < count))
    for at, one in enumerate(pieces):
        gathered = inner["gathered"]
        # The last piece is the highest.
        place = count - 1 - piece + at
        kept = gathered.word_select(place[: len(piece)], 32)
        bench.always(f"piece {at} is kept", (piece <= at) | (kept == one))


REGISTERS = Proof(
    name="registers",
    about=("bus/registers.py", "bus/register_map.py"),
    claim="each register reads as the map says, what it does not take is refused, and the core hears what was written",
    build=registers,
    induction=lambda **_: 2,
    shapes={
        "2 words of 5 bits": {"word_bits": 5, "words": 2},
        "3 words of 70 bits": {"word_bits": 70, "words": 3},
        "1 word": {"word_bits": 8, "words": 1},
    },
    controls=(
        Mutation("bus.registers:Registers._decode_write", "self.write_strobe.all()", "self.write_strobe.any()"),
        Mutation("bus.registers:Registers._send", "abort & (word != 0)", "abort"),
        Mutation("bus.registers:Registers._send", "complete | abort", "abort", "3 words of 70 bits"),
        Mutation("bus.registers:Registers._read", "Mux(self.record.valid, bits, 0)", "bits"),
        Mutation("bus.registers:Registers._count", "(pending != MAX_PENDING)", "1"),
    ),
)


def wrapped(bench, dut, *, clock, reset):
    """A wrapper with any core in place of the one that it instantiates, and a master that does what it likes.

    It begins in any state of its registers, so there is none from which a transfer is not answered.
    """
    inside = bench.add(dut, "wrapper")
    bench.unknown(*inside.registers())
    core = inside.taken_out("core")
    for name in ("query_ready", "record_valid", *(f"record_{field}" for field, *_ in FIELDS), "record_tag"):
        bench.drive(core[name], f"core_{name}")
    for name, member in dut.signature.members.items():
        if member.flow == In:
            bench.drive(getattr(dut, name), name)
    bench.always("clock and reset are those of the bus", (inside["clk"] == clock) & (inside["rst"] == reset))
    return inside, core


def noted(bench, name, *, valid, ready, payload, used, register):
    """Note what a transfer of a channel brought, until it is used; `register` is where the wrapper keeps it."""
    m = bench.m
    taken, kept = register
    there, held = Signal(), Signal(len(payload), reset_less=True)
    bench.unknown(there, held)
    bench.assume(~bench.first | ((there == taken) & (held == kept)))
    moved = valid & ready
    with m.If(used):
        m.d.sync += there.eq(0)
    with m.If(moved):
        m.d.sync += [there.eq(1), held.eq(payload)]
    bench.always(f"one {name} is taken at a time", ready == ~there)
    bench.always(f"the {name} is kept", (taken == there) & (~there | (kept == held)))
    return there, held


def answered(bench, name, *, valid, ready, payload, done, expected):
    """Each thing that is done has one answer, in the next cycle, which stands until it is taken."""
    m = bench.m
    owed, answer = Signal(), Signal(len(payload), reset_less=True)
    bench.unknown(owed, answer)
    bench.assume(~bench.first | ((owed == valid) & (answer == payload)))
    with m.If(ready):
        m.d.sync += owed.eq(0)
    with m.If(done):
        m.d.sync += [owed.eq(1), answer.eq(expected)]
    bench.always(f"each {name} is answered once", valid == owed)
    bench.always(f"the answer of a {name} is its own, and stands", ~valid | (payload == answer))
    waited = bench.register(valid & ~ready, f"{name}_waited")
    bench.reachable(f"a {name} behind one whose answer waited", done & valid & waited)


def axi_lite(bench):
    """Every transfer of each channel is noted when its handshake takes place, and each response held against them."""
    dut = AxiLite(register_map(word_bits=8, words=2))
    inside, _ = wrapped(bench, dut, clock=dut.aclk, reset=~dut.aresetn)
    address, data, read = zip(inside.several("taken"), inside.several("kept"), strict=True)
    does, refused = inside["write_enable"], inside["registers.write_refused"]

    def response(is_refused):
        return Mux(is_refused, C(AxiLite.SLVERR, 2), C(AxiLite.OKAY, 2))

    to_write, at = noted(
        bench,
        "address to write",
        valid=dut.s_axi_awvalid,
        ready=dut.s_axi_awready,
        payload=dut.s_axi_awaddr[2:],
        used=does,
        register=address,
    )
    with_data, what = noted(
        bench,
        "data to write",
        valid=dut.s_axi_wvalid,
        ready=dut.s_axi_wready,
        payload=Cat(dut.s_axi_wdata, dut.s_axi_wstrb),
        used=does,
        register=data,
    )
    free = ~dut.s_axi_bvalid | dut.s_axi_bready
    bench.always("a write is done when all is there and its answer has a place", does == (to_write & with_data & free))
    asked = Cat(inside["registers.write_address"], inside["registers.write_data"], inside["registers.write_strobe"])
    bench.always("it is done as it was asked", ~does | (asked == Cat(at, what)))
    answered(
        bench,
        "write",
        valid=dut.s_axi_bvalid,
        ready=dut.s_axi_bready,
        payload=dut.s_axi_bresp,
        done=does,
        expected=response(refused),
    )

    reads = Signal(name="reads")
    to_read, where = noted(
        bench,
        "address to read",
        valid=dut.s_axi_arvalid,
        ready=dut.s_axi_arready,
        payload=dut.s_axi_araddr[2:],
        used=reads,
        register=read,
    )
    bench.m.d.comb += reads.eq(to_read & (~dut.s_axi_rvalid | dut.s_axi_rready))
    bench.always("what is read is what was asked", ~reads | (inside["registers.read_address"] == where))
    answered(
        bench,
        "read",
        valid=dut.s_axi_rvalid,
        ready=dut.s_axi_rready,
        payload=Cat(dut.s_axi_rdata, dut.s_axi_rresp),
        done=reads,
        expected=Cat(inside["registers.read_data"], response(inside["registers.read_refused"])),
    )


AXI_LITE = Proof(
    name="AXI4-Lite",
    about=("bus/axi_lite.py",),
    claim="each transfer is taken once and answered once, with what the registers say of it; answers stand until taken",
    build=axi_lite,
    induction=lambda: 2,
    shapes={"any": {}},
    controls=(
        Mutation("bus.axi_lite:AxiLite._write", "(~self.s_axi_bvalid | self.s_axi_bready)", "1"),
        Mutation("bus.axi_lite:_take", "valid & ~taken", "valid"),
        Mutation("bus.axi_lite:AxiLite._read", "refused.eq(registers.read_refused)", "refused.eq(0)"),
    ),
)


def wishbone(bench):
    """Each cycle of a strobe that is not the cycle of an answer begins a transfer, which the next cycle answers."""
    m = bench.m
    dut = Wishbone(register_map(word_bits=8, words=2))
    inside, _ = wrapped(bench, dut, clock=dut.wb_clk_i, reset=dut.wb_rst_i)
    answers = dut.wb_ack_o | dut.wb_err_o
    begins = Signal(name="transfer_begins")
    m.d.comb += begins.eq(dut.wb_cyc_i & dut.wb_stb_i & ~answers)
    refused = Mux(dut.wb_we_i, inside["registers.write_refused"], inside["registers.read_refused"])
    began = bench.register(begins & ~bench.reset, "began")
    was_refused, was_read = (
        bench.register(refused, "was_refused"),
        bench.register(inside["registers.read_data"], "was_read"),
    )
    later = ~bench.first
    bench.always(
        "each transfer is acknowledged or refused, once",
        ~later | (Cat(dut.wb_ack_o, dut.wb_err_o) == Mux(began, Mux(was_refused, 2, 1), 0)),
    )
    bench.always("what is read comes with the answer", ~began | (dut.wb_dat_o == was_read))
    bench.always("what is written is written once", inside["registers.write_enable"] == (begins & dut.wb_we_i))
    asked = Cat(inside["registers.write_address"], inside["registers.write_data"], inside["registers.write_strobe"])
    bench.always("as it was asked", asked == Cat(dut.wb_adr_i[2:], dut.wb_dat_i, dut.wb_sel_i))
    bench.always("what is read is what was asked", inside["registers.read_address"] == dut.wb_adr_i[2:])
    bench.reachable(
        "a transfer after another", began & dut.wb_ack_o & bench.register(bench.register(began, "one"), "two")
    )
    bench.reachable("a refusal", began & dut.wb_err_o)


WISHBONE = Proof(
    name="Wishbone",
    about=("bus/wishbone.py",),
    claim="each transfer is acknowledged or refused in the next cycle, once, with what the registers say of it",
    build=wishbone,
    induction=lambda: 2,
    shapes={"any": {}},
    controls=(
        Mutation("bus.wishbone:Wishbone.elaborate", "& ~self.wb_ack_o", ""),
        Mutation("bus.wishbone:Wishbone.elaborate", "begins & self.wb_we_i", "self.wb_we_i"),
    ),
)


def axi_stream(bench):
    """Wires only: both streams pass as they are, so what is proved of the core's streams holds of these."""
    dut = AxiStream(word_width=5, saturated_width=2, record_fields=FIELDS)
    _, core = wrapped(bench, dut, clock=dut.aclk, reset=~dut.aresetn)
    query = Cat(core[f"query_{name}"] for name in ("valid", "data", "last", "drop", "saturated", "tag"))
    asked = Cat(dut.s_axis_tvalid, dut.s_axis_tdata[:5], dut.s_axis_tlast, dut.s_axis_tuser)
    bench.always("a query is what comes in", (query == asked) & (dut.s_axis_tready == core["query_ready"]))
    fields = Cat(core[f"record_{name}"] for name, *_ in FIELDS)
    filled = dut.m_axis_tdata == Cat(fields, C(0, len(dut.m_axis_tdata) - len(fields)))
    bench.always("a record is what goes out", filled & (dut.m_axis_tuser == core["record_tag"]))
    bench.always("each is a packet", dut.m_axis_tlast)
    moves = (dut.m_axis_tvalid == core["record_valid"]) & (core["record_ready"] == dut.m_axis_tready)
    bench.always("it goes when the core's does", moves)
    bench.reachable("a record", dut.m_axis_tvalid & dut.m_axis_tready)


AXI_STREAM = Proof(
    name="AXI4-Stream",
    about=("bus/axi_stream.py",),
    claim="both streams pass as they are, a record as a packet of one beat",
    build=axi_stream,
    # Nothing is kept from one cycle to the next.
    depth=lambda: 1,
    shapes={"any": {}},
    controls=(
        Mutation("bus.axi_stream:AxiStream.elaborate", "self.m_axis_tlast.eq(1)", "self.m_axis_tlast.eq(0)"),
        Mutation(
            "bus.axi_stream:AxiStream.elaborate", "query.payload.last.eq(self.s_axis_tlast)", "query.payload.last.eq(1)"
        ),
    ),
)

PROOFS = (REGISTERS, AXI_LITE, WISHBONE, AXI_STREAM)
