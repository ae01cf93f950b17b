"""The link: never a query of a damaged frame, and no state from which the next good frame is not served."""

from amaranth.hdl import C, Cat, Const, Mux, Signal
from formal.proof import Mutation, Proof

from prototile.rtl.layout import write_layout
from prototile.rtl.link.crc import SerialCRC32
from prototile.rtl.link.framing import ESCAPE, FLAG, Unstuffer
from prototile.rtl.link.protocol import Command, Fault
from prototile.rtl.link.request import RequestReceiver
from prototile.rtl.link.uart import SMALLEST_DIVISOR, UARTReceiver

#: The polynomial of IEEE 802.3 as it is written, highest power first.
POLYNOMIAL = 0x04C11DB7
#: What is left of a message and its CRC.
REMAINDER = 0xC704DD7B


def remainder(m, bit, takes, clears, name):
    """Division by the polynomial, highest power first, as a textbook does it: not as `SerialCRC32` does."""
    rest = Signal(32, name=name, reset_less=True)
    with m.If(clears):
        m.d.sync += rest.eq(0xFFFF_FFFF)
    with m.Elif(takes):
        m.d.sync += rest.eq(Cat(Const(0, 1), rest[:-1]) ^ Mux(rest[-1] ^ bit, C(POLYNOMIAL, 32), C(0, 32)))
    return rest


def crc(bench):
    """The register of the checker is that of the division, mirrored; so its verdict is that of the division."""
    dut = SerialCRC32()
    inside = bench.add(dut, "crc")
    for name in ("clear", "enable", "i", "read"):
        bench.drive(getattr(dut, name), name)
    rest = remainder(bench.m, dut.i, dut.enable, dut.clear, "rest")
    bench.unknown(rest, inside["register"])
    same = Cat(reversed(list(rest))) == inside["register"]
    known = Signal(reset_less=True)
    with bench.m.If(dut.clear):
        bench.m.d.sync += known.eq(1)
    bench.assume(~dut.read)
    bench.without_reset()
    bench.always("the register is the remainder, mirrored", ~known | same)
    good = bench.register(rest == REMAINDER, "good")
    bench.always("the verdict is that of the division", ~bench.register(known, "known_before") | (dut.residue == good))
    bench.reachable("a message", known & ~bench.first & dut.enable)


CRC = Proof(
    name="CRC",
    about=("link/crc.py",),
    claim="a frame passes exactly if the division by the polynomial of IEEE 802.3 leaves the remainder of a good one",
    build=crc,
    induction=lambda: 2,
    shapes={"32 bits": {}},
    controls=(
        Mutation("link.crc:SerialCRC32.elaborate", "register >> 1", "register >> 2"),
        Mutation("link.crc:SerialCRC32.elaborate", "register == RESIDUE", "register == RESIDUE + 1"),
    ),
)


#: Cycles in which a core that holds a query, and shows no record, shows one.
LATENCY = 3


def receiver(words=2, word_width=3):
    return RequestReceiver(
        word_width=word_width,
        words=words,
        saturated_width=2,
        index_width=2,
        queries=2,
        latency=LATENCY,
        write=write_layout(row_width=1, column_width=1, element_width=1, address_width=1, memory_width=1),
    )


def fresh(requests):
    """What holds between a flag and the first bit: nothing is left of the frame before."""
    nothing = (requests["position"] == 0) & ~requests["unknown"] & ~requests["wrong_length"]
    nothing &= ~requests["started"] & (requests["words"] == 0) & (requests["fault"] == Fault.DAMAGED)
    return ~requests.state("", "COMMAND") | (nothing & requests["crc.register"].all())


def acceptance(bench):
    """Any bits and flags at the pace of a line, any damage, and a core that keeps its word.

    What came since a flag is counted here once more. That a bit comes every second cycle at most, none for some cycles
    after a flag, and eight a byte, is what `PACE` proves of the line's receiver.
    """
    m = bench.m
    dut = receiver()
    inside = bench.add(dut, "requests")
    for port, name in (
        (dut.i.valid, "i_valid"),
        (dut.i.payload, "i_payload"),
        (dut.damaged, "damaged"),
        (dut.query.ready, "query_ready"),
        (dut.shown, "shown"),
        (dut.answered, "answered"),
        (dut.write.ready, "write_ready"),
    ):
        bench.drive(port, name)
    valid = dut.i.valid
    flag = valid & dut.i.payload.flag
    step = valid & ~dut.i.payload.flag
    pause = Signal(range(PAUSE + 1))
    with m.If(flag):
        m.d.sync += pause.eq(PAUSE)
    with m.Elif(pause != 0):
        m.d.sync += pause.eq(pause - 1)
    bench.assume(~valid | ((pause == 0) & ~bench.register(valid & ~bench.reset, "valid_before")))

    octet = Signal(3)
    with m.If(step):
        m.d.sync += octet.eq(octet + 1)
    bench.assume(~flag | (octet == 0))

    # The contract of the core: a place that is free stays free until a query has come in.
    free, place, query_ready = Signal(), Signal(), dut.query.ready
    ends = dut.query.valid & query_ready & dut.query.payload.last
    m.d.sync += [free.eq(query_ready & ~ends), place.eq(dut.write.ready & ~(dut.query.valid & query_ready))]
    bench.assume((pause == 0) | ~dut.damaged)
    bench.assume(~free | query_ready)
    bench.assume(~place | dut.write.ready)
    bench.assume(~dut.answered | (dut.shown & (inside["outstanding"] != 0)))

    most = 8 * (10 + max(dut.payload_lengths.values()))
    bits, count = Signal(range(most + 1)), Signal(range(most + 1))
    damage, whole, opened = Signal(init=1), Signal(), Signal()
    with m.If(flag):
        m.d.sync += [bits.eq(0), count.eq(bits), opened.eq(1), whole.eq(~damage & ~dut.damaged & opened), damage.eq(0)]
    with m.Else():
        with m.If(step):
            m.d.sync += bits.eq(Mux(bits == most, most, bits + 1))
        with m.If(dut.damaged):
            m.d.sync += damage.eq(1)

    command, position, words = (inside[name] for name in ("command", "position", "words"))
    length = Signal(range(most + 1))
    with m.Switch(command):
        for value, octets in dut.payload_lengths.items():
            with m.Case(value):
                m.d.comb += length.eq(8 * (8 + octets))
    serves = dut.query.valid & dut.query.payload.last & ~dut.query.payload.drop
    stores = dut.write.valid | dut.mark.valid
    agrees = dut.notice.valid & (dut.notice.payload.fault == Fault.NONE)
    for name, answers in (("a query", serves), ("a word to write", stores), ("a good answer", agrees)):
        bench.always(f"{name} comes of a frame that passed the CRC", ~answers | inside["crc.residue"])
        bench.always(f"{name} comes of a frame of the right length", ~answers | (count == length))
        bench.always(f"{name} comes of a frame without damage", ~answers | whole)
    queries = (command == Command.CLASSIFY) | (command == Command.SELF_TEST)
    bench.always("a query comes of its command", ~serves | queries)
    _self_tests(bench, dut, inside)
    # A whole frame at this pace is what `RECOVERY` shows: to find one takes a solver long.
    bench.reachable("a byte of a frame", inside.state("", "SEQUENCE"))
    bench.reachable("a frame that breaks off", inside.state("", "VERDICT") & (count == 8))
    bench.reachable("a damaged frame is refused", dut.notice.valid & (dut.notice.payload.fault == Fault.DAMAGED))

    # What makes it inductive: where in a frame each state is.
    header = 32
    tested = Mux(command == Command.SELF_TEST, 16, 0)
    starts = {
        "COMMAND": 0,
        "SEQUENCE": 8,
        "LENGTH": 16,
        "EXPECTED": header,
        "SATURATED": header + tested,
        "WORDS": header + tested + 16 + words * dut.word_width,
        "PADDING": header + tested + 16 + dut.words * dut.word_width,
        "IMAGE": header,
        "CHECK": length - 32,
    }
    widths = {"COMMAND": 8, "SEQUENCE": 8, "LENGTH": 16, "WORDS": dut.word_width, "CHECK": 32}
    widths |= {"PADDING": 8 * (-(-dut.words * dut.word_width // 8)) - dut.words * dut.word_width}
    widths |= {"IMAGE": 8 * dut.payload_lengths[Command.WRITE]}
    stepped = bench.register(step, "stepped") | bench.register(bench.reset, "was_reset")
    for state, start in starts.items():
        here = inside.state("", state)
        bench.always(
            f"{state} is where it is", ~here | ((bits == start + position) & (position < widths.get(state, 16)))
        )
        bench.always(f"{state} waits for no verdict", ~here | (inside["fault"] == Fault.DAMAGED))
        bench.always(f"{state} knows of damage", ~(here & damage) | inside["bad"])
        at_last = position == widths.get(state, 16) - 1
        bench.always(f"{state} knows of the last bit", ~here | stepped | (inside["last"] == at_last))

    def is_in(*states):
        return Cat(inside.state("", state) for state in states).any()

    fault, bad, started = inside["fault"], inside["bad"], inside["started"]
    no_fault = fault == Fault.NONE
    of_write = command == Command.WRITE
    after = is_in("VERDICT", "SERVE", "DROP", "WRITE", "WRITTEN", "NOTICE")
    decided = is_in("SERVE", "WRITE", "WRITTEN") | (is_in("NOTICE") & no_fault)
    bench.always("a rest without fault is whole", ~(is_in("REST") & no_fault & ~bad) | ((bits == length) & ~damage))
    bench.always("so is what is judged", ~(is_in("VERDICT") & no_fault & ~bad) | ((count == length) & whole))
    bench.always(
        "a verdict comes of what is judged", ~decided | ((count == length) & whole & inside["crc.residue"] & ~bad)
    )
    bench.always("a verdict has no fault", ~is_in("SERVE", "WRITE", "WRITTEN") | no_fault)
    bench.always("a query is served of its command", ~is_in("SERVE") | queries)
    bench.always("a word is written of its command", ~is_in("WRITE", "WRITTEN") | of_write)
    # A word that does not fill its payload with zeros is judged again, as bad.
    left = {"VERDICT": 6, "SERVE": 7, "WRITE": 7, "WRITTEN": 6, "DROP": 5, "NOTICE": 4, "BEGIN": 3}
    for state, cycles in left.items():
        bench.always(f"{state} comes soon after the flag", ~is_in(state) | (pause >= cycles))
    bench.always("what is good is judged once", ~(is_in("VERDICT") & ~bad & no_fault) | (pause == PAUSE))
    bench.always("nothing has come then", ~(after | is_in("BEGIN")) | ((bits == 0) & ~damage & opened))
    bench.always("a frame was opened", is_in("HUNT") | opened)
    under_way = is_in("EXPECTED", "SATURATED", "WORDS", "PADDING") | (is_in("CHECK") & queries)
    under_way |= is_in("REST", "VERDICT", "SERVE") & queries & no_fault
    bench.always("a query has its place", ~under_way | free)
    bench.always("a query that began has its place", ~(started & is_in("VERDICT", "DROP")) | free)
    write_way = is_in("IMAGE", "WRITE") | (is_in("CHECK") & of_write) | (is_in("REST", "VERDICT") & of_write & no_fault)
    bench.always("a word has its place", ~write_way | place)
    before = is_in("COMMAND", "SEQUENCE", "LENGTH", "EXPECTED", "SATURATED", "IMAGE")
    bench.always("no word has come before the words", ~before | (~started & (words == 0)))
    begun = is_in("EXPECTED", "SATURATED", "WORDS", "PADDING", "CHECK")
    bench.always("a query has begun in its states", ~started | begun | after | is_in("REST", "BEGIN", "HUNT"))
    bench.always("none has begun in others", ~(started & (is_in("CHECK") | (is_in("REST") & no_fault))) | queries)
    bench.always("a query that was refused has not begun", ~(started & is_in("REST")) | no_fault)
    offered, final, dropped = inside["offered"], inside["final"], inside["dropped"]
    bench.always(
        "a word waits within a query only", ~offered | final | (is_in("WORDS") & started & (words != 0) & ~dropped)
    )
    bench.always("the last waits to be served or dropped", ~(offered & final) | is_in("SERVE", "DROP"))
    bench.always("what is served is offered", ~is_in("SERVE") | (offered & final & ~dropped))
    bench.always("what is dropped has begun", ~is_in("DROP") | ((offered == started) & final & dropped))
    bench.always("no frame begins with the end of another", ~(begun | before) | (~final & ~dropped))
    bench.always("nor does one rest with it", ~is_in("REST") | (~final & ~dropped))
    bench.always("the state is one that there is", inside.is_encoded(""))
    bench.always("a frame begins afresh", (bits != 0) | step | fresh(inside))
    bench.always("bits are of octets", (bits == most) | (octet == bits[:3]))
    bench.always("words are in range", words < dut.words)
    named = is_in("CHECK", "IMAGE") | under_way | (is_in("REST", "VERDICT", "NOTICE") & no_fault)
    known = Cat(command == one for one in dut.payload_lengths).any()
    bench.always("a frame's command is known", ~named | known)
    bench.always("a self-test expects something", ~is_in("EXPECTED") | (command == Command.SELF_TEST))
    bench.always("words are of a query", ~is_in("SATURATED", "WORDS", "PADDING") | queries)
    bench.always("an image is a write", ~is_in("IMAGE") | of_write)


def _self_tests(bench, dut, inside):
    """That a self-test is told apart: its record is known, and what it expects stands until that was taken."""
    m = bench.m
    command, outstanding = inside["command"], inside["outstanding"]
    enters = dut.query.valid & dut.query.ready & dut.query.payload.last & ~dut.query.payload.drop
    # Of the queries inside, the oldest lowest: whether it is a self-test.
    count, tests = Signal(range(dut.queries + 1), name="count"), Signal(dut.queries, name="tests")
    left = (tests >> dut.answered)[: dut.queries]
    place = (count - dut.answered)[: len(count)]
    m.d.sync += [count.eq(place + enters), tests.eq(left | ((enters & (command == Command.SELF_TEST)) << place))]
    # What `CORE` proves: a query that is inside has its record in time.
    quiet = Signal(range(LATENCY + 2), name="quiet")
    with m.If(dut.shown | enters):
        m.d.sync += quiet.eq(0)
    with m.Elif(quiet <= LATENCY):
        m.d.sync += quiet.eq(quiet + 1)
    bench.assume((quiet <= LATENCY) | (count == 0))
    counted = inside["quiet"]
    bench.always("silence is counted", quiet == Mux(counted <= LATENCY, counted, LATENCY + 1))
    bench.always("the record of a self-test is known", dut.testing == tests[0])
    stood = bench.register((count != 0) & ~bench.reset, "stood")
    bench.always("what it expects stands", ~stood | (dut.expected == bench.register(dut.expected, "expected_before")))
    bench.always("queries are counted", outstanding == count)
    bench.always("those that left are forgotten", (tests >> count)[: dut.queries] == 0)
    bench.always("a self-test is the oldest", tests[1:] == 0)
    of_test = command == Command.SELF_TEST
    begins = Cat(inside.state("", name) for name in ("EXPECTED", "SATURATED", "WORDS", "PADDING", "CHECK")).any()
    ends = Cat(inside.state("", name) for name in ("REST", "VERDICT", "SERVE")).any() & (inside["fault"] == Fault.NONE)
    under_way = begins | ends
    bench.always("it enters alone", ~(of_test & under_way) | (count == 0))
    of_query = of_test | (command == Command.CLASSIFY)
    bench.always("a query has its number", ~(of_query & under_way) | (count < dut.queries))
    bench.always("no more are inside than there is room", count <= dut.queries)


#: Cycles after a flag without a bit, that are made use of; `PACE` proves more.
PAUSE = 8

ACCEPTANCE = Proof(
    name="acceptance of frames",
    about=("link/request.py",),
    claim="nothing is served but a whole, undamaged frame of the right length whose CRC is right",
    build=acceptance,
    induction=lambda: 4,
    shapes={"2 words of 3 bits": {}},
    controls=(
        Mutation("link.request:RequestReceiver.elaborate", "bad | ~crc.residue | (fault", "bad | (fault"),
        Mutation(
            "link.request:RequestReceiver.elaborate", "with m.If(self.damaged):", "with m.If(self.damaged & started):"
        ),
        Mutation(
            "link.request:RequestReceiver.elaborate", "step & (fault == Fault.NONE)", "step & (fault == Fault.BUSY)"
        ),
        Mutation("link.request:RequestReceiver.elaborate", "final.eq(1), dropped.eq(1)", "final.eq(1), dropped.eq(0)"),
        Mutation("link.request:RequestReceiver.elaborate", "(alone & (outstanding != 0))", "(alone & 0)"),
        Mutation("link.request:RequestReceiver._find_empty", "(self.latency + 1).bit_length() + 1", "2"),
    ),
)


def line(bench):
    """A receiver at the fastest line there may be, and what finds frames among its characters."""
    uart, unstuffer = UARTReceiver(divisor=SMALLEST_DIVISOR), Unstuffer()
    inside = bench.add(uart, "uart"), bench.add(unstuffer, "unstuffer")
    bench.m.d.comb += [
        unstuffer.data.eq(uart.data),
        unstuffer.shift.eq(uart.shift),
        unstuffer.index.eq(uart.index),
        unstuffer.complete.eq(uart.complete),
        unstuffer.error.eq(uart.error),
    ]
    return uart, unstuffer, inside


def possible(receiver):
    """What holds of the receiver of characters in all states that it can come to."""
    return receiver.is_encoded("") & (receiver.state("", "DATA") | (receiver["index"] == 0))


def pace(bench):
    """Any line: at most a bit every second cycle, none and no damage soon after a flag, and eight bits a byte."""
    m = bench.m
    uart, unstuffer, (receiver_, _) = line(bench)
    bench.drive(uart.rx, "rx")
    bench.always("the receiver's state is one that there is", possible(receiver_))
    valid, flag = unstuffer.o.valid, unstuffer.o.valid & unstuffer.o.payload.flag
    step = valid & ~unstuffer.o.payload.flag
    pause, octet = Signal(range(PAUSE + 1)), Signal(3)
    with m.If(flag):
        m.d.sync += pause.eq(PAUSE)
    with m.Elif(pause != 0):
        m.d.sync += pause.eq(pause - 1)
    with m.If(step):
        m.d.sync += octet.eq(octet + 1)
    bench.always(
        "a bit comes every second cycle at most", ~valid | ~bench.register(valid & ~bench.reset, "valid_before")
    )
    bench.always("none comes soon after a flag", ~valid | (pause == 0))
    bench.always("no damage comes soon after a flag", ~unstuffer.damaged | (pause == 0))
    bench.always("eight bits make a byte", ~flag | (octet == 0))
    bench.reachable("a flag after a byte", flag & (pause == 0) & bench.register(octet == 0, "octets") & ~bench.first)
    bench.reachable("a byte's last bit", step & (octet == 7))
    bench.reachable("damage", unstuffer.damaged)


PACE = Proof(
    name="pace of the line",
    about=("link/uart.py: UARTReceiver", "link/framing.py: Unstuffer"),
    claim="whatever the line does, bits of frames come in eights, apart from one another, and flags after them",
    build=pace,
    shapes={"4 clocks a bit": {}},
    controls=(Mutation("link.framing:Unstuffer.elaborate", "self.shift & held", "self.shift"),),
)

#: Cycles of a line that is idle long enough for a character to end, and of a character.
IDLE, CHARACTER = 12 * SMALLEST_DIVISOR, 10 * SMALLEST_DIVISOR


def sent(octets):
    """Levels of the line, a cycle each: it is idle, then come characters."""
    levels = [Const(1)] * IDLE
    for octet in octets:
        for bit in (Const(0), *(octet[at] for at in range(8)), Const(1)):
            levels += [bit] * SMALLEST_DIVISOR
    return levels + [Const(1)] * CHARACTER


def resynchronised(bench):
    """From any state of the line's receiver: it is idle for a character, then comes a byte between two flags.

    The state is any of all registers: also one that only a flipped flip-flop leads to.
    """
    m = bench.m
    uart, unstuffer, inside = line(bench)
    for one in inside:
        bench.unknown(*one.registers())
    bench.without_reset()
    byte = bench.constant(8, "byte")
    bench.assume((byte != FLAG) & (byte != ESCAPE))
    levels = sent((Const(FLAG, 8), byte, Const(FLAG, 8)))
    time = Signal(range(len(levels) + 1), reset_less=True)
    m.d.sync += time.eq(Mux(time == len(levels), time, time + 1))
    with m.Switch(time):
        for at, level in enumerate(levels):
            with m.Case(at):
                m.d.comb += uart.rx.eq(level)
        with m.Default():
            m.d.comb += uart.rx.eq(1)
    began = time >= IDLE
    valid = unstuffer.o.valid & began
    flag = valid & unstuffer.o.payload.flag
    flags, bits, found = Signal(2, reset_less=True), Signal(range(10), reset_less=True), Signal(8, reset_less=True)
    with m.If(flag):
        m.d.sync += flags.eq(flags + 1)
    with m.Elif(valid & (flags == 1)):
        m.d.sync += [bits.eq(bits + 1), found.eq(Cat(found[1:], unstuffer.o.payload.bit))]
    ends = time == len(levels)
    bench.always("both flags are found", ~ends | (flags == 2))
    bench.always("the byte is found", ~ends | ((bits == 8) & (found == byte)))
    bench.always("nothing is damaged", ~(began & (flags != 0)) | ~unstuffer.damaged)
    bench.reachable("the end", ends)


RESYNCHRONISED = Proof(
    name="a line that was in any state",
    about=("link/uart.py: UARTReceiver", "link/framing.py: Unstuffer"),
    claim="from any state, after a character's time of idle line, the next flags and the bytes between them are found",
    build=resynchronised,
    # From any state, through idle line and three characters, until what was sent must have come out.
    depth=lambda: len(sent((Const(FLAG, 8),) * 3)) + 1,
    shapes={"4 clocks a bit": {}},
    controls=(
        Mutation("link.framing:Unstuffer.elaborate", "escape.eq(0), inverted.eq(escape)", "inverted.eq(escape)"),
        Mutation(
            "link.uart:UARTReceiver.elaborate", 'm.State("BREAK"), m.If(rx)', 'm.State("BREAK"), m.If(rx & self.error)'
        ),
        Mutation("link.uart:UARTReceiver.elaborate", "m.d.sync += self.index.eq(0)", "pass"),
        Mutation("link.uart:safe", "fsm.state.eq(fsm.state.init)", "fsm.state.eq(fsm.state)"),
    ),
)


def recovery(bench):
    """From any state of what takes requests apart: a flag, then a frame that asks for the identity, then a flag.

    The state is any of all registers: also one that only a flipped flip-flop leads to. A core that lets a word wait is
    outside its contract; here it takes all.
    """
    m = bench.m
    dut = receiver()
    inside = bench.add(dut, "requests")
    bench.unknown(*inside.registers())
    bench.without_reset()
    sequence = bench.constant(8, "sequence")
    m.d.comb += [dut.query.ready.eq(1), dut.write.ready.eq(1)]
    bench.drive(dut.answered, "answered")

    # Idle, a flag, 32 bits of header and 32 of the CRC, a flag.
    begin = PAUSE
    time = Signal(range(recovery_depth()), reset_less=True)
    m.d.sync += time.eq(time + 1)
    at, odd = Signal(7), Signal()
    m.d.comb += [at.eq((time - begin - PAUSE) >> 1), odd.eq((time - begin - PAUSE)[0])]
    sends = (time >= begin + PAUSE) & ~odd & (at < 64)
    closing = time == begin + PAUSE + 130
    flag = (time == begin) | closing
    body = Cat(C(Command.IDENTIFY.value, 8), sequence, C(0, 16))
    rest = remainder(m, dut.i.payload.bit, sends & (at < 32), time == begin, "rest")
    mirrored = ~Cat(reversed(list(rest)))
    m.d.comb += [
        dut.i.valid.eq(sends | flag),
        dut.i.payload.flag.eq(flag),
        dut.i.payload.bit.eq(Mux(at < 32, body.bit_select(at[:5], 1), mirrored.bit_select(at[:5], 1))),
    ]
    answered = dut.notice.valid & (dut.notice.payload.fault == Fault.NONE) & (dut.notice.payload.sequence == sequence)
    seen = Signal(reset_less=True)
    with m.If(answered & (time > begin + PAUSE + 130)):
        m.d.sync += seen.eq(1)
    ends = time == recovery_depth() - 1
    bench.always("the frame is answered", ~ends | seen)
    bench.reachable("the answer", answered & ~seen & (time > begin + PAUSE + 130))


def recovery_depth():
    return 2 * PAUSE + 130 + 8


RECOVERY = Proof(
    name="no dead state",
    about=("link/request.py",),
    claim="from any state, the next good frame between two flags is answered",
    build=recovery,
    # From any state, through idle cycles and one frame, until its answer must have come.
    depth=recovery_depth,
    shapes={"identify": {}},
    quick=False,
    controls=(
        Mutation("link.request:RequestReceiver.elaborate", "crc.clear.eq(begin)", "crc.clear.eq(0)"),
        Mutation("link.request:RequestReceiver.elaborate", "bad.eq(0),", ""),
        Mutation("link.request:safe", "fsm.state.eq(fsm.state.init)", "fsm.state.eq(fsm.state)"),
    ),
)

PROOFS = (CRC, PACE, RESYNCHRONISED, ACCEPTANCE, RECOVERY)
