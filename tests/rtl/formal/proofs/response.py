"""Responses: the line carries the frame of what was put in, bit for bit, whatever the pace; and nothing else."""

from amaranth.hdl import C, Cat, Const, Mux, Signal
from formal.proof import Mutation, Proof
from formal.proofs.link import remainder

from prototile.rtl.link.framing import ESCAPE, ESCAPED_BIT, FLAG, Stuffer
from prototile.rtl.link.protocol import ERROR_RESPONSE, RESPONSE, Command, Fault
from prototile.rtl.link.response import ResponseSender
from prototile.rtl.link.uart import SMALLEST_DIVISOR, UARTTransmitter

HEADER, CRC_BITS = 32, 32
#: Fields of records of one byte and of two, with and without bits that fill the last.
RECORDS = {
    5: (("prototype", 2, False), ("distance", 2, False), ("label", 1, False)),
    11: (("prototype", 3, False), ("distance", 4, False), ("label", 2, False), ("margin", 2, True)),
}


def sender(bench, *, identity, record_bits, writable):
    """A sender at work: any records and notices, a line of any pace, a reset at any time."""
    dut = ResponseSender(record_fields=RECORDS[record_bits], identity=identity, writable=writable)
    inside = bench.add(dut, "responses")
    for port, name in (
        (dut.record.valid, "record_valid"),
        (dut.record.payload, "record"),
        (dut.testing, "testing"),
        (dut.expected, "expected"),
        (dut.notice.valid, "notice_valid"),
        (dut.notice.payload, "notice"),
        (dut.o.ready, "o_ready"),
    ):
        bench.drive(port, name)
    if writable:
        bench.drive(dut.mark.valid, "mark_valid")
        bench.drive(dut.mark.payload, "mark")
    # What `CORE` and `ACCEPTANCE` prove: a record stands until it is taken, and so does what a self-test expects.
    shown = Cat(dut.record.payload, dut.testing, dut.expected)
    stands = bench.register(dut.record.valid & ~dut.record.ready & ~bench.reset, "record_stands")
    bench.assume(~stands | (dut.record.valid & (shown == bench.register(shown, "shown"))))
    return dut, inside


def kept_notice(m, dut, closes):
    """The notice that is to be answered: the first that comes while none is."""
    there, notice = Signal(name="notice_there"), Signal.like(dut.notice.payload, name="kept_notice")
    with m.If(closes):
        m.d.sync += there.eq(0)
    with m.If(dut.notice.valid & ~there):
        m.d.sync += [there.eq(1), notice.eq(dut.notice.payload)]
    return there, notice


def replies(bench, **shape):
    """Each bit that leaves is held against the frame of the record or the notice that it answers, written down whole.

    It begins with any registers, as long as it rests.

    The bits of an identity that can be written are those that left its memory; `IDENTITY` proves which these are.
    """
    m = bench.m
    writable = shape["writable"]
    dut, inside = sender(bench, **shape)
    bench.unknown(*inside.registers())
    nothing_left = inside.state("", "IDLE") & ~inside["picked"] & ~inside["waiting"]
    bench.assume(~bench.first | nothing_left)
    record = dut.record.payload
    leaves = dut.o.valid & dut.o.ready
    flag = leaves & dut.o.payload.flag

    # Bits of the frame that left, its first flag included; and whether it is the notice's.
    count = Signal(range(8 * (10 + max(dut.payload_lengths.values()))))
    of_notice = Signal()
    closes = flag & (count != 0)
    there, notice = kept_notice(m, dut, closes & of_notice)
    with m.If(leaves):
        m.d.sync += count.eq(Mux(closes, 0, count + 1))
    # Which of the two is decided a cycle before the first flag, by whether there is a notice then.
    waited = bench.register(there, "waited") & ~bench.register(bench.reset, "was_reset")
    rests = inside.state("", "IDLE")
    rested = bench.register(rests, "rested")
    with m.If(rested):
        m.d.sync += of_notice.eq(waited)
    asks = Mux(rested, waited, of_notice)

    identity = C(int.from_bytes(dut.identity, "little"), 8 * len(dut.identity))
    if writable:
        identity = inside["bit"].replicate(len(identity))
    good = notice.fault == Fault.NONE
    written = notice.written if writable else Const(0)
    fields = Cat(*(record[name] for name, _, _ in dut.record_fields))
    fields = Cat(fields, C(0, 8 * dut.record_bytes - len(fields)))
    won = (record.prototype == dut.expected) & (record.distance == 0)
    frames = (
        (asks & ~good, ERROR_RESPONSE, notice.sequence, Cat(notice.fault, C(0, 5))),
        (asks & good & ~written, _code(Command.IDENTIFY), notice.sequence, identity),
        (asks & good & written, _code(Command.WRITE), notice.sequence, C(0, 0)),
        (~asks & ~dut.testing, _code(Command.CLASSIFY), record.tag, fields),
        (~asks & dut.testing, _code(Command.SELF_TEST), record.tag, Cat(won, C(0, 7), fields)),
    )
    body = Signal(max(HEADER + len(payload) for *_, payload in frames))
    length = Signal(range(len(body) + 1))
    for applies, code, sequence, payload in frames:
        with m.If(applies):
            whole = Cat(C(code, 8), sequence, C(len(payload) // 8, 16), payload)
            m.d.comb += [body.eq(whole), length.eq(len(whole))]

    at = Signal(range(len(body) + CRC_BITS + 2))
    m.d.comb += at.eq(count - 1)
    of_body, of_crc = (count != 0) & (at < length), (count != 0) & (at >= length) & (at < length + CRC_BITS)
    rest = remainder(m, dut.o.payload.bit, leaves & of_body, count == 0, "rest")
    check = ~Cat(reversed(list(rest)))
    place = Signal(range(CRC_BITS))
    m.d.comb += place.eq(at - length)
    bit = Mux(of_body, body.bit_select(at, 1), check.bit_select(place, 1))
    is_flag = ~of_body & ~of_crc
    bench.always("flags come where they must", ~dut.o.valid | (dut.o.payload.flag == is_flag))
    bench.always("a bit is that of the frame", ~dut.o.valid | is_flag | (dut.o.payload.bit == bit))
    bench.always("a record leaves with its frame", dut.record.ready == (closes & ~of_notice))
    bench.always("no frame begins without a cause", ~(dut.o.valid & (count == 0)) | Mux(asks, there, dut.record.valid))
    stalled = bench.register(dut.o.valid & ~dut.o.ready & ~bench.reset, "stalled")
    payload = bench.register(dut.o.payload, "payload")
    bench.always("a bit stands until it is taken", ~stalled | (dut.o.valid & (dut.o.payload.as_value() == payload)))
    waits = Signal(range(PAUSES + 2))
    # While a byte of the identity is written, none is read.
    written_now = dut.mark.valid if writable else 0
    with m.If(dut.o.valid | written_now | (~there & ~dut.record.valid & (count == 0))):
        m.d.sync += waits.eq(0)
    with m.Else():
        m.d.sync += waits.eq(waits + 1)
    bench.always("the next bit comes in time", waits <= PAUSES)
    kinds = dict(zip(("an error", "an identity", "a write", "a query", "a self-test"), frames, strict=True))
    # A line that takes each bit at once, and one reply: where nothing is left to choose, a solver finds the end soon.
    once = ~bench.reset & dut.o.ready & (bench.first | ~dut.notice.valid) & (bench.first | dut.record.valid)
    brisk = Signal(init=1, reset_less=True)
    m.d.sync += brisk.eq(brisk & once)
    for name, (applies, *_) in kinds.items():
        if writable or name != "a write":
            bench.reachable(f"the answer to {name}", closes & applies & brisk)

    # What makes it inductive: how far each state of the machine is.
    position, picked, last = inside["position"], inside["picked"], inside["last"]
    tested = Mux(~asks & dut.testing, 8, 0)
    is_error = asks & ~good
    starts = {
        "HEADER": (0, HEADER),
        "RESULT": (HEADER, 8),
        "PAYLOAD": (HEADER + tested, length - HEADER - tested),
        "CHECK": (length, CRC_BITS),
    }
    for name, (start, width) in starts.items():
        here = inside.state("", name)
        bench.always(f"{name} is where it is", ~here | ((count == 1 + start + position) & (position < width)))
        bench.always(f"{name} knows of the last bit", ~(here & picked) | (last == (position == width - 1)))
    bench.always("the state is one that there is", inside.is_encoded(""))
    rests, opens, ends = (inside.state("", name) for name in ("IDLE", "OPEN", "CLOSE"))
    bench.always("rest is between frames", ~(rests | opens) | ((count == 0) & ~picked))
    bench.always("a frame begins at its first bit", ~opens | (position == 0))
    bench.always("the end is where it is", ~ends | ((count == 1 + length + CRC_BITS) & ~picked))
    bench.always("the notice is kept", inside["waiting"] == there)
    bench.always("and whole", ~there | (inside["notice"] == notice.as_value()))
    bench.always("what is answered stays", rests | rested | (of_notice == asks))
    bench.always("there is something to answer", rests | Mux(asks, there, dut.record.valid))
    of_notices = Mux(good, Mux(written, Command.WRITE, Command.IDENTIFY), Command.ERROR)
    code = Mux(asks, of_notices, Mux(dut.testing, Command.SELF_TEST, Command.CLASSIFY))
    bench.always("the command is known", rests | (inside["command"] == code))
    bench.always("a result is of some", ~inside.state("", "RESULT") | is_error | (~asks & dut.testing))
    bench.always("a payload is not of others", ~inside.state("", "PAYLOAD") | ~(is_error | (asks & written)))
    register = inside["crc.register"]
    mirrored = Cat(reversed(list(rest)))
    bench.always("the CRC is that of the body", inside.state("", "CHECK") | rests | ends | (register == mirrored))
    after = Signal(32)
    m.d.comb += after.eq(mirrored >> position[:5])
    kept = Const(2**32 - 1, 32) >> position[:5]
    bench.always("and leaves bit by bit", ~inside.state("", "CHECK") | ((register & kept) == after))


def _code(command):
    return RESPONSE | command.value


#: Cycles between a bit and the next, or between what is put in and the first flag, at most.
PAUSES = 5

WRITTEN = "records of 11 bits, identity to be written"
REPLIES = Proof(
    name="replies",
    about=("link/response.py",),
    claim="what leaves is the frame of the record or notice that came, with its number and CRC, and nothing else",
    build=replies,
    induction=lambda **_: 4,
    shapes={
        "records of 5 bits": {"identity": b"\x7e\x31\xa5", "record_bits": 5, "writable": False},
        WRITTEN: {"identity": b"\x7e", "record_bits": 11, "writable": True},
    },
    quick=False,
    controls=(
        Mutation("link.response:ResponseSender.elaborate", "Mux(of_notice, notice.sequence, record.tag)", "record.tag"),
        Mutation("link.response:ResponseSender.elaborate", "self.notice.valid & ~waiting", "self.notice.valid"),
        Mutation("link.response:ResponseSender.elaborate", "place(width) == width - 1", "place(width) == width - 2"),
        Mutation("link.response:ResponseSender.elaborate", "crc.read.eq(1)", "crc.read.eq(0)"),
        Mutation("link.response:ResponseSender.elaborate", "m.If(~picked)", "m.If(1)", WRITTEN),
    ),
)


def rest(bench, **shape):
    """From any state of all registers: each part of a frame ends after some bits, the next part comes, and then rest.

    What rests then is a state from which `REPLIES` begins.
    """
    m = bench.m
    dut, inside = sender(bench, **shape)
    bench.unknown(*inside.registers())
    bench.assume(~bench.first | inside.is_encoded(""))
    position, picked, last = inside["position"], inside["picked"], inside["last"]
    of_identity = inside["command"] == Command.IDENTIFY
    payload, rests = inside.state("", "PAYLOAD"), inside.state("", "IDLE")
    parts = (
        ("header", inside.state("", "HEADER"), HEADER),
        ("result", inside.state("", "RESULT"), 8),
        ("identity", payload & of_identity, 8 * len(dut.identity)),
        ("record", payload & ~of_identity, 8 * dut.record_bytes),
        ("CRC", inside.state("", "CHECK"), CRC_BITS),
    )
    flags = {"opening flag": inside.state("", "OPEN"), "closing flag": inside.state("", "CLOSE")}
    order = (flags["opening flag"], *(here for _, here, _ in parts), flags["closing flag"], rests)
    number = Signal(range(len(order)))
    for at, here in enumerate(order):
        with m.If(here):
            m.d.comb += number.eq(at)
    before = bench.register(number, "number_before")
    enters = bench.first | bench.register(bench.reset, "was_reset") | (number != before)
    rested = before == len(order) - 1
    bench.always("the state is one that there is", inside.is_encoded(""))
    bench.always("one part follows another, or rest", bench.first | (number >= before) | rested)

    # Which bit of the part was the first that could leave, any; and how many have left.
    start, count = Signal.like(position, name="start"), Signal(len(position) + 1, name="count")
    began, gone = Mux(enters, position, start), Mux(enters, 0, count)
    m.d.sync += [start.eq(began), count.eq(gone + (dut.o.valid & dut.o.ready))]
    for name, here in flags.items():
        bench.always(f"the {name} is one", ~here | (gone == 0))
    for name, here, width in parts:
        # The place of a bit in the part: after all of these the last one has come.
        places = len(C(width - 1))
        place, most = Signal(places, name=f"place_of_{name}"), Signal(places, name=f"most_of_{name}")
        m.d.comb += [place.eq(began + gone), most.eq(width - 2 - began)]
        bench.always(f"the {name} goes from place to place", ~here | (position[:places] == place))
        bench.always(f"the {name} ends", ~here | (gone <= most + 1))
        known = picked & (gone != 0)
        bench.always(f"the {name} knows of its last bit", ~(here & known) | (last == (place == width - 1)))
    written_now = dut.mark.valid if shape["writable"] else 0
    waits = Signal(range(PAUSES + 2), reset_less=True)
    m.d.sync += waits.eq(Mux(rests | dut.o.valid | written_now, 0, waits + 1))
    bench.always("the next bit comes in time", waits <= PAUSES)
    checked = Signal(reset_less=True)
    with m.If(inside.state("", "CHECK")):
        m.d.sync += checked.eq(1)
    between = rests | flags["opening flag"] | flags["closing flag"]
    bench.always("nothing is left over then", ~(between & checked) | ~picked)
    bench.reachable("a rest", rests & checked & ~rested)
    bench.reachable("a part that was under way", parts[0][1] & (gone == 3) & (began == 12))


REST = Proof(
    name="no dead state of replies",
    about=("link/response.py",),
    claim="from any state, each part of a frame ends, so there is rest; and from there replies are as they must be",
    build=rest,
    induction=lambda **_: 6,
    shapes=REPLIES.shapes,
    controls=(
        Mutation("link.response:ResponseSender.elaborate", 'm.next = "IDLE"', 'm.next = "CLOSE"'),
        Mutation("link.response:ResponseSender.elaborate", "(picked | fetched)", "picked"),
    ),
)


def identity(bench, *, depth):
    """One byte of an identity that can be written is watched, any of them; it is answered with what was written last.

    What is written while a bit waits for the line may come before it or after. A host names bytes that there are.
    """
    m = bench.m
    start = bytes(range(0x55, 0x55 + depth))
    dut, inside = sender(bench, identity=start, record_bits=5, writable=True)
    index = bench.constant(8, "index")
    bench.assume((index < depth) & (dut.mark.payload.index < depth))
    content = Signal(8, name="content", reset_less=True)
    was_written = Signal(reset_less=True)
    with m.If(bench.first):
        m.d.sync += content.eq(start[0] + index)
    names_it = dut.mark.valid & (dut.mark.payload.index == index)
    with m.If(names_it):
        m.d.sync += [content.eq(dut.mark.payload.value), was_written.eq(1)]
    leaves = dut.o.valid & dut.o.ready
    while_waits = Signal()
    m.d.sync += while_waits.eq((while_waits | names_it) & ~leaves)
    position = inside["position"]
    here = inside.state("", "PAYLOAD") & (inside["command"] == Command.IDENTIFY) & (position[3:] == index)
    bit = content.bit_select(position[:3], 1)
    shown = here & dut.o.valid
    bench.always("the byte is the one that was written", ~shown | while_waits | (dut.o.payload.bit == bit))
    bench.reachable("a byte that was written", shown & was_written & ~while_waits & (position[:3] == 7))


IDENTITY = Proof(
    name="identity that is written",
    about=("link/response.py",),
    claim="each byte of the identity is the one that was written there last, or the first",
    build=identity,
    shapes={"2 bytes": {"depth": 2}},
    quick=False,
    controls=(
        Mutation("link.response:ResponseSender._identity_bit", "read.en & ~step", "~step"),
        Mutation("link.response:ResponseSender._identity_bit", "read_out & ~step", "~step"),
    ),
)


def stuffed(bench):
    """Any bits and flags, eight a byte, at any pace of either side: the characters are those of the frame, in order.

    That bits come in eights between flags is what `REPLIES` proves, whose frames are bytes. It begins with any
    registers, as long as no character is under way.
    """
    m = bench.m
    dut = Stuffer()
    inside = bench.add(dut, "stuffer")
    bench.unknown(*inside.registers())
    bench.assume(~bench.first | (inside.state("", "GATHER") & (inside["index"] == 0)))
    for port, name in ((dut.i.valid, "i_valid"), (dut.i.payload, "i"), (dut.o.ready, "o_ready")):
        bench.drive(port, name)
    takes, leaves = dut.i.valid & dut.i.ready, dut.o.valid & dut.o.ready
    flag = dut.i.payload.flag

    # Bits of the byte that comes; characters that are due, and bits of the first that have left.
    octet, byte = Signal(3), Signal(8, reset_less=True)
    due, characters, sent = Signal(2), Signal(16, reset_less=True), Signal(3)
    bench.assume(~takes | ~flag | (octet == 0))
    whole = Cat(byte[1:], dut.i.payload.bit)
    with m.If(takes & flag):
        m.d.sync += [due.eq(1), characters.eq(FLAG)]
    with m.Elif(takes):
        m.d.sync += [octet.eq(octet + 1), byte.eq(whole)]
        with m.If(octet == 7):
            special = (whole == FLAG) | (whole == ESCAPE)
            m.d.sync += [due.eq(1 + special), characters.eq(whole)]
            with m.If(special):
                m.d.sync += characters.eq(Cat(C(ESCAPE, 8), whole ^ (1 << ESCAPED_BIT)))
    with m.If(leaves):
        m.d.sync += sent.eq(sent + 1)
        with m.If(sent == 7):
            m.d.sync += [due.eq(due - 1), characters.eq(characters[8:])]
    bit = characters.bit_select(sent, 1)
    bench.always("only what is due leaves", ~dut.o.valid | (due != 0))
    bench.always("a bit is that of its character", ~dut.o.valid | (dut.o.payload == bit))
    bench.always("nothing is taken before all has left", ~dut.i.ready | (due == 0))
    bench.always("within a character the next bit is there", (sent == 0) | dut.o.valid)
    idle = bench.register(~dut.o.valid & ~dut.i.ready, "idle")
    bench.always("it waits for one cycle at most", ~idle | dut.o.valid | dut.i.ready)
    stalled = bench.register(dut.o.valid & ~dut.o.ready & ~bench.reset, "stalled")
    shown = bench.register(dut.o.payload, "shown")
    bench.always("a bit stands until it is taken", ~stalled | (dut.o.valid & (dut.o.payload == shown)))
    bench.reachable("the last bit of an escaped flag", leaves & (sent == 7) & (characters == FLAG ^ 1 << ESCAPED_BIT))
    bench.reachable("a byte after a flag", leaves & (sent == 7) & (characters == 0x55))


STUFFED = Proof(
    name="characters of replies",
    about=("link/framing.py: Stuffer",),
    claim="the characters are those of the frame: each byte in its place, special ones escaped, flags between frames",
    build=stuffed,
    shapes={"any": {}},
    controls=(
        Mutation("link.framing:Stuffer.elaborate", "(byte == FLAG) | (byte == ESCAPE)", "byte == FLAG"),
        Mutation("link.framing:Stuffer.elaborate", 'index, 1), "BYTE")', 'index, 1), "GATHER")'),
        Mutation("link.framing:Stuffer.elaborate", "escaped & (index == ESCAPED_BIT)", "index == ESCAPED_BIT"),
    ),
)


def transmitted(bench, *, divisor):
    """Any bits at the pace of the line, which is held against the times of its bits.

    What `STUFFED` proves is assumed: within a character the next bit is there. It begins with any registers, as long as
    no character is under way.
    """
    m = bench.m
    dut = UARTTransmitter(divisor=divisor)
    inside = bench.add(dut, "transmitter")
    bench.unknown(*inside.registers())
    rests = inside.state("", "IDLE")
    bench.assume(~bench.first | (rests & (inside["index"] == 0) & dut.tx))
    bench.drive(dut.i.valid, "i_valid")
    bench.drive(dut.i.payload, "i_payload")

    # Which bit of the character the line shows, the start bit first, and for how many cycles.
    busy, at, clock = Signal(name="busy"), Signal(4, name="at"), Signal(range(divisor), name="clock")
    bits = Signal(8, reset_less=True)
    ends = clock == divisor - 1
    with m.If(~busy):
        m.d.sync += [busy.eq(dut.i.valid), at.eq(0), clock.eq(0)]
    with m.Elif(~ends):
        m.d.sync += clock.eq(clock + 1)
    with m.Else():
        m.d.sync += [clock.eq(0), at.eq(at + 1), busy.eq(at != 9)]
        with m.If(at < 8):
            m.d.sync += bits.bit_select(at, 1).eq(dut.i.payload)
    bench.assume(~busy | (at >= 8) | dut.i.valid)
    level = Mux(at == 0, 0, Mux(at == 9, 1, bits.bit_select((at - 1)[:3], 1)))
    bench.always("the line shows the character", dut.tx == Mux(busy, level, 1))
    bench.always("bits are taken in their time", dut.i.ready == (busy & ends & (at < 8)))
    bench.reachable("the end of a character", busy & ends & (at == 9) & (bits == 0x55))

    bench.always("rest is between characters", rests == ~busy)
    bench.always("bits are in range", ~busy | (at <= 9))
    bench.always("bits of data are taken", ~busy | (inside.state("", "DATA") == (at < 8)))
    bench.always("the last bit is shown", ~busy | (inside.state("", "LAST") == (at == 8)))
    bench.always("the stop bit is shown", ~busy | (inside.state("", "STOP") == (at == 9)))
    bench.always("times are one", ~busy | (inside["timer"] == clock))
    bench.always("bits are counted", inside["index"] == Mux(busy & (at < 8), at[:3], 0))


TRANSMITTED = Proof(
    name="line of replies",
    about=("link/uart.py: UARTTransmitter",),
    claim="the line shows each character: a start bit, its eight bits, a stop bit, each for its time; else it is idle",
    build=transmitted,
    induction=lambda **_: 2,
    shapes={"4 clocks a bit": {"divisor": SMALLEST_DIVISOR}, "5": {"divisor": 5}},
    controls=(
        Mutation("link.uart:UARTTransmitter.elaborate", "timer == self.divisor - 1", "timer == self.divisor - 2"),
        Mutation("link.uart:UARTTransmitter.elaborate", 'm.next = "LAST"', 'm.next = "STOP"'),
    ),
)


def settled(bench):
    """From any state of stuffer and transmitter, to which a flag is given, then nothing: in time both rest.

    Each rests as `STUFFED` and `TRANSMITTED` begin. That a flag comes at the end of whatever was under way is what
    `REST` proves.
    """
    m = bench.m
    stuffer, transmitter = Stuffer(), UARTTransmitter(divisor=SMALLEST_DIVISOR)
    inside = bench.add(stuffer, "stuffer"), bench.add(transmitter, "transmitter")
    for one in inside:
        bench.unknown(*one.registers())
        bench.assume(~bench.first | one.is_encoded(""))
    bench.without_reset()
    given = Signal(reset_less=True)
    with m.If(stuffer.i.ready):
        m.d.sync += given.eq(1)
    m.d.comb += [
        stuffer.i.valid.eq(~given),
        stuffer.i.payload.flag.eq(1),
        transmitter.i.valid.eq(stuffer.o.valid),
        transmitter.i.payload.eq(stuffer.o.payload),
        stuffer.o.ready.eq(transmitter.i.ready),
    ]
    time = Signal(range(settled_depth() + 1), reset_less=True)
    m.d.sync += time.eq(Mux(time == settled_depth(), time, time + 1))
    ends = time == settled_depth() - 1
    first, second = inside
    rests = first.state("", "GATHER") & (first["index"] == 0)
    bench.always("the stuffer rests", ~ends | rests)
    bench.always("the transmitter rests", ~ends | (second.state("", "IDLE") & (second["index"] == 0) & transmitter.tx))
    bench.reachable("the end", ends)


def settled_depth():
    return 5 * (10 * SMALLEST_DIVISOR + 1)


SETTLED = Proof(
    name="no dead state of the line of replies",
    about=("link/framing.py: Stuffer", "link/uart.py: UARTTransmitter"),
    claim="from any state, a flag and then some characters' time without a bit bring both to rest",
    build=settled,
    # From any state: two characters of the stuffer, the flag, and a character each before and after in the transmitter.
    depth=settled_depth,
    shapes={"4 clocks a bit": {}},
    quick=False,
    controls=(
        Mutation("link.uart:UARTTransmitter.elaborate", "m.If(index == 7)", "m.If((index == 7) & self.i.valid)"),
    ),
)

PROOFS = (REPLIES, REST, IDENTITY, STUFFED, TRANSMITTED, SETTLED)
