"""Lets a harness drive a machine on Renode: included into its monitor, which runs IronPython 2.7.

    include @harness.py
    tinyhil_serve 127.0.0.1 PORT "TOKEN" "sysbus.uart0"

connects to the harness, which listens; nothing here listens. Virtual time runs only while a request
is served, so that what the firmware sees does not depend on the host's speed: the same requests
give the same bytes after the same instructions.

A request is a line "VERB NUMBER LENGTH" and LENGTH bytes; its reply a line "ok NUMBER LENGTH" or
"error 0 LENGTH" and LENGTH bytes.

    exchange LIMIT  put the bytes into the UART, and run until it has sent something, at most LIMIT
                    microseconds of virtual time; a core that is not asleep gets up to BUSY_US.
                    Reply: the instructions executed since the chip's last reset, what was sent
    monitor 0       execute a command of the monitor. Reply: what it printed
    mark ADDRESS    note every arrival of the program counter there
    marks 0         Reply: a line "ADDRESS INSTRUCTIONS" for each, oldest first

A connection that ends ends the service.
"""

# ruff: noqa: UP004, UP032
# IronPython 2.7 reads no newer way of writing the same.

import clr

try:  # noqa: SIM105 - Python 2 has no suppress
    clr.AddReference("System.Net.Sockets")  # an assembly of its own on .NET; Mono's System has it
except Exception:  # noqa: S110 - which one depends on the runtime; the import below tells
    pass

from Antmicro.Renode.Core import EmulationManager
from Antmicro.Renode.Time import TimeInterval
from Antmicro.Renode.UserInterface import CommandInteractionEater
from System import Array, Byte
from System.IO import MemoryStream
from System.Net.Sockets import TcpClient

#: One quantum of nano33.resc and sensortile.resc.
SLICE_US = 1000
#: A core that is still awake after so long hangs: ten times MLPerf Tiny's largest inference.
BUSY_US = 5000000
MAX_REQUEST = 1 << 20


class Service(object):
    """One machine, one UART, one harness."""

    def __init__(self, stream, machine, uart):
        self._stream = stream
        self._emulation = EmulationManager.Instance.CurrentEmulation
        self._cpu = machine["sysbus.cpu"]
        self._uart = machine[uart]
        self._sent = MemoryStream()
        self._marks = []
        self._uart.CharReceived += self._sent.WriteByte

    def serve(self):
        """Answer until the connection ends."""
        verbs = {
            "exchange": self._exchange,
            "monitor": self._monitor,
            "mark": self._mark,
            "marks": self._report_marks,
        }
        header = self._read_line()
        while header:
            verb, number, length = header.split()
            if verb not in verbs or int(length) > MAX_REQUEST:
                raise ValueError("no such request: " + header)
            payload = self._read(int(length))
            if payload is None:
                return
            self._reply(*verbs[verb](int(number), payload))
            header = self._read_line()

    def _exchange(self, limit, payload):
        for byte in payload:
            self._uart.WriteChar(byte)
        elapsed = 0
        while elapsed < BUSY_US:
            before = self._cpu.ExecutedInstructions
            self._emulation.RunFor(TimeInterval.FromMicroseconds(SLICE_US))
            elapsed += SLICE_US
            asleep = self._cpu.ExecutedInstructions == before
            if self._sent.Length or (asleep and elapsed >= limit):
                break
        sent = self._sent.ToArray()
        self._sent.SetLength(0)
        return "ok", self._cpu.ExecutedInstructions, sent

    def _monitor(self, _number, payload):
        output = CommandInteractionEater()
        done = monitor.Parse(_text(payload), output)  # noqa: F821 - Renode's own
        failed = output.GetError() or not done
        text = output.GetError() if failed else output.GetContents()
        return "error" if failed else "ok", 0, _bytes(text)

    def _mark(self, address, _payload):
        def note(cpu, pc):
            self._marks.append("{} {}".format(pc, cpu.ExecutedInstructions))

        self._cpu.AddHook(address, note)
        return "ok", 0, _bytes("")

    def _report_marks(self, _number, _payload):
        text = "\n".join(self._marks)
        self._marks = []
        return "ok", 0, _bytes(text)

    def _reply(self, verdict, number, payload):
        header = _bytes("{} {} {}\n".format(verdict, number, len(payload)))
        self._stream.Write(header, 0, len(header))
        self._stream.Write(payload, 0, len(payload))

    def _read_line(self):
        line = ""
        while not line.endswith("\n"):
            byte = self._stream.ReadByte()
            if byte < 0 or len(line) > 80:
                return ""
            line += chr(byte)
        return line

    def _read(self, size):
        data = Array.CreateInstance(Byte, size)
        have = 0
        while have < size:
            count = self._stream.Read(data, have, size - have)
            if count <= 0:
                return None
            have += count
        return data


def _bytes(text):
    return Array[Byte]([ord(c) & 0xFF for c in text])


def _text(data):
    return "".join(chr(b) for b in data)


def mc_tinyhil_serve(host, port, token, uart):
    """Connect to the harness, say the token, and serve it."""
    client = TcpClient(host, int(port))
    try:
        client.NoDelay = True
        stream = client.GetStream()
        service = Service(stream, self.Machine, uart)  # noqa: F821 - the monitor
        greeting = _bytes(token + "\n")
        stream.Write(greeting, 0, len(greeting))
        service.serve()
    finally:
        client.Close()
