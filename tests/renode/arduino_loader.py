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
    """Plug the loader in and configure it, as a host does."""
    loader = ArduinoLoader(self.Machine["sysbus.cpu"], address)
    loader.USBCore.SelectedConfiguration = next(iter(loader.USBCore.Configurations))
    plugged.append(loader)


def mc_loader_write(data):
    """Send one packet."""
    packet = Array[Byte]([int(data[i : i + 2], 16) for i in range(0, len(data), 2)])
    plugged[0].USBCore.GetEndpoint(OUT, Direction.HostToDevice).WriteData(packet)


def mc_loader_read():
    """Print the next packet, nothing where there is none."""
    never = getattr(CancellationToken, "None")
    packet = plugged[0].USBCore.GetEndpoint(IN, Direction.DeviceToHost).Read(LONGEST, never)
    print("".join("%02x" % b for b in packet))


def mc_loader_start():
    """Write what was uploaded where it belongs."""
    print(plugged[0].WaitForBinary(1))
