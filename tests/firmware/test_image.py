"""Both images, as the linker left them."""

from __future__ import annotations

from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from hil.board import Board, load_board
from hil.errors import InputError
from hil.firmware.build import image_size
from hil.firmware.recipe import RETAINED_SIZE, STACK_SIZE
from hil.upload.image import read_image

#: Bytes. What everything but the model and libc may take: the protocol's server, its buffers and
#: the port. Rings 12 KB, frame buffers 2 KB.
FLASH_BUDGET = 12_000
RAM_BUDGET = 17_000
#: USB on top, where a chip's controller is driven: descriptors, requests, the stream, the driver;
#: a ring of 1 KB and a packet each way.
USB_FLASH, USB_RAM = 5_500, 1_500
#: The motion sensor on top: its registers' code, and the ring of 256 samples of 16 bytes.
SENSOR_FLASH, SENSOR_RAM = 3_500, 4_500


#: nRF52840 PS 4.2.4, RM0351 table 57.
INTERRUPTS = {
    "nano33": {
        "power_interrupt": 0, "uart_interrupt": 2, "timer_interrupt": 8, "usb_interrupt": 39,
    },
    "sensortile": {
        "clock_interrupt": 5, "timer_interrupt": 28, "uart_interrupt": 53, "usb_interrupt": 67,
    },
}  # fmt: skip


def word(data: bytes, index: int) -> int:
    return int.from_bytes(data[4 * index : 4 * index + 4], "little")


def symbols(image: ELFFile) -> dict[str, int]:
    table = image.get_section_by_name(".symtab")
    return {s.name: s["st_value"] for s in table.iter_symbols() if s.name}


def test_vector_table_is_where_the_chip_looks(image: ELFFile, board: Board) -> None:
    vectors = image.get_section_by_name(".vectors")
    assert vectors["sh_addr"] == board.facts.flash_origin
    assert vectors["sh_addr"] % 512 == 0, "VTOR needs the table's size rounded up to a power of two"
    assert vectors["sh_size"] > 4 * (16 + 2)


def test_reset_state_is_one_the_core_can_start_from(image: ELFFile, board: Board) -> None:
    data, facts = image.get_section_by_name(".vectors").data(), board.facts
    stack, reset = word(data, 0), word(data, 1)
    assert facts.ram_origin < stack <= facts.ram_origin + facts.ram_size
    assert stack % 8 == 0
    assert reset % 2 == 1, "the thumb bit"
    assert reset - 1 == symbols(image)["reset_entry"] & ~1
    # The Nano's bootloader takes an all-ones word in either place for an empty flash.
    assert 0xFFFFFFFF not in (stack, reset)


def test_every_vector_is_a_function_of_the_image(image: ELFFile, board: Board) -> None:
    data, names = image.get_section_by_name(".vectors").data(), symbols(image)
    handlers = {word(data, i) for i in range(1, len(data) // 4)}
    expected = {"reset_entry", "fault_entry", *INTERRUPTS[board.name]}
    known = {names[n] | 1: n for n in expected}
    assert {known[h] for h in handlers} == expected


def test_interrupts_have_the_chips_numbers(board: Board, image: ELFFile) -> None:
    data, names = image.get_section_by_name(".vectors").data(), symbols(image)
    for handler, number in INTERRUPTS[board.name].items():
        places = [i - 16 for i in range(len(data) // 4) if word(data, i) == names[handler] | 1]
        assert places == [number], handler


def test_every_section_lies_in_the_boards_memory(image: ELFFile, board: Board) -> None:
    facts = board.facts
    flash = range(facts.flash_origin, facts.flash_origin + facts.flash_size)
    ram = range(facts.ram_origin, facts.ram_origin + facts.ram_size)
    loaded = [s for s in image.iter_sections() if s["sh_flags"] & 2 and s["sh_size"]]
    assert {s.name for s in loaded} >= {".vectors", ".text", ".rodata", ".stack", ".bss"}
    for section in loaded:
        first, last = section["sh_addr"], section["sh_addr"] + section["sh_size"] - 1
        assert any(first in m and last in m for m in (flash, ram)), section.name
    for segment in image.iter_segments():
        if segment["p_filesz"]:
            assert segment["p_paddr"] in flash
            assert segment["p_paddr"] + segment["p_filesz"] - 1 in flash


def test_a_stack_overflow_leaves_the_ram(image: ELFFile, board: Board) -> None:
    names = symbols(image)
    assert names["_stack_bottom"] == board.facts.ram_origin
    assert names["_stack_top"] == board.facts.ram_origin + STACK_SIZE
    assert names["_data_start"] >= names["_stack_top"]


def test_what_survives_a_reset_is_apart_from_all_else(image: ELFFile, board: Board) -> None:
    section = image.get_section_by_name(".retained")
    assert section["sh_type"] == "SHT_NOBITS"
    assert section["sh_size"] <= RETAINED_SIZE
    assert section["sh_addr"] >= symbols(image)["_ram_end"]
    end = board.facts.ram_origin + board.facts.ram_size
    assert section["sh_addr"] + section["sh_size"] <= end - 1024


def test_there_is_no_heap_and_no_formatted_output(image: ELFFile) -> None:
    unwanted = {"malloc", "_malloc_r", "free", "_sbrk", "_sbrk_r", "printf", "snprintf", "_dtoa_r"}
    assert not unwanted & set(symbols(image))


def test_it_is_for_a_cortex_m4f(image: ELFFile) -> None:
    attributes = image.get_section_by_name(".ARM.attributes")
    tags = {a.tag: a.value for s in attributes.subsections for b in s.iter_subsubsections()
            for a in b.iter_attributes() if a.tag.startswith("TAG")}  # fmt: skip
    assert tags["TAG_CPU_ARCH"] == 13, "v7E-M"
    assert tags["TAG_FP_ARCH"] == 6, "VFPv4-D16"
    assert tags["TAG_ABI_VFP_ARGS"] == 1, "hard float"


def test_the_image_says_which_board_it_is_for(image: ELFFile, board: Board) -> None:
    assert board.name.encode() + b"\0" in image.get_section_by_name(".rodata").data()


def test_sizes_are_the_linkers_and_within_budget(elf: Path, image: ELFFile) -> None:
    size = image_size(elf)
    names = symbols(image)
    assert size.flash_used == sum(
        image.get_section_by_name(n)["sh_size"] for n in (".vectors", ".text", ".rodata", ".data")
    )
    assert size.ram_static == names["_data_end"] - names["_data_start"] + (
        names["_bss_end"] - names["_bss_start"]
    )
    assert size.stack_size == STACK_SIZE
    model_flash, model_ram = model_sizes(elf)
    usb = "usb_interrupt" in names
    assert size.flash_used - model_flash < FLASH_BUDGET + usb * USB_FLASH + SENSOR_FLASH
    assert size.ram_static - model_ram < RAM_BUDGET + usb * USB_RAM + SENSOR_RAM


def model_sizes(elf: Path) -> tuple[int, int]:
    """Bytes that the model's and the kernels' objects brought, by the link map."""
    flash = ram = 0
    for line in (elf.parent / "firmware.map").read_text().split("Linker script and memory map")[1] \
            .splitlines():  # fmt: skip
        parts = line.split()
        if "libmodel.a" in line or "libnn.a" in line:
            size = next((int(p, 16) for p in parts[::-1] if p.startswith("0x")), 0)
            address = next((int(p, 16) for p in parts if p.startswith("0x")), 0)
            if 0x20000000 <= address < 0x30000000:
                ram += size
            elif address:
                flash += size
    return flash, ram


def test_the_binary_is_the_image_and_begins_with_the_vectors(elf: Path, board: Board) -> None:
    image = read_image(elf.with_suffix(".bin"), board)
    assert len(image) == image_size(elf).flash_used


def test_something_else_is_not_an_image(tmp_path: Path) -> None:
    other = tmp_path / "other.elf"
    with pytest.raises(InputError, match=r"other\.elf: No such file"):
        image_size(other)
    other.write_bytes(b"\x7fELF" + bytes(100))
    with pytest.raises(InputError, match="not an image of this firmware"):
        image_size(other)


def test_read_image_refuses_what_would_not_start(tmp_path: Path) -> None:
    board = load_board("nano33")
    path = tmp_path / "f.bin"
    for content in (b"", b"\xff" * 64, bytes(64), b"x" * (board.facts.flash_size + 1)):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"f\.bin"):
            read_image(path, board)
