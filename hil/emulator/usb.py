"""What an emulated chip's USB controller is to the machine, and the cable to it.

The host (`usb_host.py`) gets its turn when the firmware sleeps or a slice of its time is over, as
bytes do on a UART with instant pacing: what is exchanged does not depend on the host's clock.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

from hil.emulator.bus import Peripheral
from hil.emulator.registers import Registers
from hil.emulator.state import CoreState, Queue
from hil.emulator.usb_host import Port, Task, UsbError, UsbHost

#: Bytes that the host holds ready for the device; the rest waits on the stream.
HOST_BUFFER = 512


class UsbController(Peripheral, ABC):
    """A controller's registers; `port` is its other side, which the host sees."""

    def __init__(self, name: str, base: int, exception: int, core: CoreState) -> None:
        super().__init__(name, base)
        self.exception = exception
        self.core = core
        #: The memory that the controller's DMA reaches; the machine sets it.
        self.memory: Registers | None = None

    @property
    @abstractmethod
    def port(self) -> Port:
        """What a host's port sees."""

    @abstractmethod
    def set_power(self, on: bool) -> None:
        """Put a voltage on VBUS, or take it away."""

    @abstractmethod
    def level(self) -> bool:
        """Return the state of the interrupt line."""

    def update(self) -> None:
        """Raise the interrupt when the line is high and its handler does not run."""
        raise_interrupt(self.core, self.exception, self.level())


def raise_interrupt(core: CoreState, exception: int, level: bool) -> None:
    """Make an exception pending for a line that is high, and wake the exception logic."""
    if level and not core.active[exception] and not core.pending[exception]:
        core.pending[exception] = 1
        core.attention = 1


class Cable:
    """A host at the end of a cable: plugs the device in as it appears, moves the streams' bytes."""

    def __init__(self, controller: UsbController) -> None:
        self.controller = controller
        self.from_host = Queue()
        self.to_host = Queue()
        self.host = UsbHost(controller.port)
        self.error: str | None = None
        #: What is done once the device has appeared; tests take others.
        self.on_attach: Callable[[UsbHost], Task] = UsbHost.plug_in
        self._plugged = self._was_attached = self._suspended = False

    def plug(self, plugged: bool) -> None:
        """Put the cable in, or pull it."""
        self._plugged = plugged
        self.power()

    def suspend(self, on: bool) -> None:
        """Stop the bus, or resume: a host sends nothing in between."""
        self._suspended = on
        self.controller.port.suspend(on)
        self.controller.update()

    def power(self) -> None:
        """Give power anew: after a reset of the chip, too, the device has left the bus."""
        self._was_attached = False
        self.host = UsbHost(self.controller.port)
        self.controller.set_power(self._plugged)

    @property
    def is_drained(self) -> bool:
        """Whether the device has taken everything."""
        return not len(self.from_host) and not self.host.to_device

    def discard(self) -> None:
        """Drop what the device has not taken, as a host's driver does when it is told to."""
        self.from_host.take()
        self.host.to_device.clear()

    def step(self) -> bool:
        """Let the host do what it can; return whether something was exchanged."""
        attached = self._plugged and self.controller.port.attached
        if attached != self._was_attached:
            self._was_attached = attached
            self._suspended = False
            self.host = UsbHost(self.controller.port)
            if attached:
                self.host.start(self.on_attach(self.host))
        moved = attached and not self._suspended and self._exchange()
        self.controller.update()
        return moved

    def _exchange(self) -> bool:
        if self.host.streams:
            while len(self.from_host) and len(self.host.to_device) < HOST_BUFFER:
                self.host.to_device.append(self.from_host.pop())
        try:
            moved = self.host.step()
        except UsbError as error:
            self.error = str(error) or type(error).__name__
            self.host.streams = False
            return False
        sent = self.to_host.push(bytes(self.host.from_device))
        del self.host.from_device[:sent]
        return moved
