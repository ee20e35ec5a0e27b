"""Reaches the two bulk endpoints of Renode's model of the Nano's bootloader, from its monitor.

    include @arduino_loader.py
    loader_open 0x10000        a loader for the machine's core
    loader_write "HEX"         one packet to the device
    loader_read                prints what the device has to send, in hexadecimal
    loader_start               what the model does once it has been told to start the application

IronPython 2.7, as all that Renode's monitor includes. Upstream's own way is a USB/IP server, which
listens on all addresses.
"""

# ruff: noqa: F821, RUF100, UP031
# self: Renode's monitor.

from Antmicro.Renode.Core.USB import Direction
from Antmicro.Renode.Integrations import ArduinoLoader
from System import Array, Byte
from System.Threading import CancellationToken

OUT, IN = 2, 3
LONGEST = 512

plugged = []


def mc_loader_open(address):
    """Plug the loader in."""
    plugged.append(ArduinoLoader(self.Machine["sysbus.cpu"], address))


def endpoint(number, direction):
    """Find it in the only configuration, which a host need not have selected for this."""
    interfaces = next(iter(plugged[0].USBCore.Configurations)).Interfaces
    there = [e for interface in interfaces for e in interface.Endpoints if e.Identifier == number]
    return next(e for e in there if e.Direction == direction)


def mc_loader_write(data):
    """Send one packet."""
    packet = Array[Byte]([int(data[i : i + 2], 16) for i in range(0, len(data), 2)])
    endpoint(OUT, Direction.HostToDevice).WriteData(packet)


def mc_loader_read():
    """Print the next packet, nothing where there is none."""
    never = getattr(CancellationToken, "None")
    packet = endpoint(IN, Direction.DeviceToHost).Read(LONGEST, never)
    print("".join("%02x" % b for b in packet))


def mc_loader_start():
    """Write what was uploaded where it belongs."""
    print(plugged[0].WaitForBinary(1))
