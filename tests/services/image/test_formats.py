"""What bytes really are: honest images of every kind, and images made to deceive."""

import os
import shutil
import struct
import subprocess

import pytest

from nacre.services.image.app.formats import verdicts
from nacre.services.image.app.formats.findings import HEAD_BYTES, LARGEST_PART, Part
from nacre.services.image.app.formats.scan import Scan, _Inquirer
from nacre.services.image.errors import BadImageData

MIB = 1024 * 1024


def look(data, block=MIB):
    scan = Scan()
    for start in range(0, len(data), block):
        scan.feed(data[start : start + block])
    return scan.finish()


def judge(data, disk_format, container_format="bare", block=MIB):
    return verdicts.conclude(look(data, block), len(data), disk_format, container_format)


def refusal(data, disk_format, container_format="bare"):
    with pytest.raises(BadImageData) as refused:
        judge(data, disk_format, container_format)
    return refused.value.message


# -- makers of headers ---------------------------------------------------------------------------


def qcow2(
    *, version=3, size=MIB, backing=0, features=0, cluster_bits=16, length=104, extensions=b"", rest=4096
):
    header = struct.pack(">4sIQIIQIIQQIIQ", b"QFI\xfb", version, backing, 8 if backing else 0, cluster_bits,
                         size, 0, 1, 0x30000, 0x10000, 1, 0, 0)  # fmt: skip
    if version == 3:
        header += struct.pack(">QQQII", features, 0, 0, 4, length)
    return header + extensions + bytes(rest)


DESCRIPTOR = """# Disk DescriptorFile
version=1
CID=1234abcd
parentCID=ffffffff
createType="monolithicSparse"

RW 2048 SPARSE "disk.vmdk"

ddb.adapterType = "ide"
"""


def vmdk(descriptor=DESCRIPTOR, *, capacity=2048, at=1, sectors=20, directory=21, magic=b"KDMV", rest=65536):
    header = struct.pack("<4sIIQQQQIQQQB4sH", magic, 1, 3, capacity, 128, at, sectors, 512, 0, directory, 128, 0,
                         b"\n \r\n", 0)  # fmt: skip
    return header.ljust(512, b"\0") + descriptor.encode().ljust(sectors * 512, b"\0") + bytes(rest)


def stream_optimized(footer_header=None):
    image = vmdk(DESCRIPTOR.replace("monolithicSparse", "streamOptimized"), directory=2**64 - 1)
    header = bytearray(footer_header or image[:512])
    header[56:64] = struct.pack("<Q", 128)
    marker = struct.pack("<QII", 1, 0, 3).ljust(512, b"\0")
    return image + marker + bytes(header) + bytes(512)


def vhd_footer(kind=2, size=MIB):
    footer = bytearray(512)
    footer[:8] = b"conectix"
    struct.pack_into(">Q", footer, 16, 512 if kind == 3 else 2**64 - 1)
    struct.pack_into(">Q", footer, 48, size)
    struct.pack_into(">I", footer, 60, kind)
    struct.pack_into(">I", footer, 64, ~sum(footer) & 0xFFFFFFFF)
    return bytes(footer)


def vdi(kind=1, size=MIB, relatives=b""):
    header = bytearray(1024)
    struct.pack_into("<I", header, 64, 0xBEDA107F)
    struct.pack_into("<I", header, 76, kind)
    struct.pack_into("<Q", header, 0x170, size)
    header[0x1A8 : 0x1A8 + len(relatives)] = relatives
    return bytes(header)


def iso(start=b""):
    return start.ljust(32768, b"\0") + b"\x01CD001\x01\0" + bytes(4096)


# -- honest images -------------------------------------------------------------------------------


@pytest.mark.skipif(not shutil.which("qemu-img"), reason="qemu-img is not installed")
@pytest.mark.parametrize(
    ("made_as", "options", "declared"),
    [
        ("qcow2", "", "qcow2"),
        ("qcow2", "compat=0.10", "qcow2"),
        ("qcow2", "cluster_size=512", "qcow2"),
        ("qcow2", "cluster_size=2M,lazy_refcounts=on,extended_l2=on,compression_type=zstd", "qcow2"),
        ("vmdk", "", "vmdk"),
        ("vmdk", "subformat=streamOptimized", "vmdk"),
        ("vpc", "", "vhd"),
        ("vpc", "subformat=fixed", "vhd"),
        ("vhdx", "", "vhdx"),
        ("vhdx", "subformat=fixed", "vhdx"),
        ("vdi", "", "vdi"),
        ("vdi", "static=on", "vdi"),
        ("parallels", "", "ploop"),
        ("raw", "", "raw"),
    ],
)
@pytest.mark.parametrize("block", [MIB, 65536, 4099])
def test_what_qemu_makes_is_recognised(tmp_path, made_as, options, declared, block):
    source, made = tmp_path / "source", tmp_path / "made"
    source.write_bytes(os.urandom(3 * MIB))
    command = ["qemu-img", "convert", "-f", "raw", "-O", made_as, *(["-o", options] if options else [])]
    subprocess.run([*command, str(source), str(made)], check=True)
    virtual = judge(made.read_bytes(), declared, block=block)
    assert 3 * MIB <= virtual <= 3 * MIB + 300 * 1024  # VHDs are rounded up to whole cylinders
    for other in {"qcow2", "vmdk", "vhd", "vhdx", "vdi", "raw", "iso"} - {declared}:
        assert "does not match" in refusal(made.read_bytes(), other)


@pytest.mark.parametrize(
    ("data", "declared", "virtual"),
    [
        (qcow2(), "qcow2", MIB),
        (qcow2(version=2), "qcow2", MIB),
        (vmdk(), "vmdk", MIB),
        (stream_optimized(), "vmdk", MIB),
        (bytes(MIB) + vhd_footer(), "vhd", MIB),
        (vhd_footer(3) + bytes(2048) + vhd_footer(3), "vhd", MIB),
        (vdi(), "vdi", MIB),
        (iso(), "iso", len(iso())),
        (iso(b"\x33\xed" + bytes(508) + b"\x55\xaa"), "iso", len(iso())),  # it boots from a USB stick too
        (b"LUKS\xba\xbe\0\x01" + bytes(8192), "luks", 8200),
        (b"LUKS\xba\xbe\0\x01" + bytes(8192), "raw", 8200),
        (b"", "raw", 0),
        (b"x", "raw", 1),
        (os.urandom(100_000), "ami", 100_000),
    ],
)
def test_honest_images(data, declared, virtual):
    assert judge(data, declared) == virtual


def test_what_is_in_an_archive_is_not_seen_but_an_archive_is_no_disguise():
    assert judge(b"PK\x03\x04" + bytes(1000), "vmdk", "ova") is None
    assert "does not match" in refusal(qcow2(), "vmdk", "ova")
    assert "backing file" in refusal(qcow2(backing=512), "qcow2", "docker")


# -- images made to deceive ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "declared", "why"),
    [
        (qcow2(backing=512), "qcow2", "backing file"),
        (qcow2(version=2, backing=512), "qcow2", "backing file"),
        (qcow2(features=4), "qcow2", "external file"),
        (qcow2(features=1 << 40), "qcow2", "not known"),
        (qcow2(extensions=struct.pack(">II8s", 0x44415441, 8, b"/etc/pwd")), "qcow2", "external data file"),
        (qcow2(extensions=struct.pack(">II8sII8s", 0x6803F857, 5, b"12345", 0x44415441, 8, b"/etc/pwd")),
         "qcow2", "external data file"),
        (qcow2(extensions=struct.pack(">II", 0x6803F857, 2**32 - 8), cluster_bits=21, rest=2 * MIB),
         "qcow2", "too long"),
        (qcow2(length=2**32 - 8), "qcow2", "too long"),
        (qcow2(length=96), "qcow2", "header length"),
        (qcow2(cluster_bits=40), "qcow2", "cluster size"),
        (qcow2(size=2**64 - 1), "qcow2", "virtual size"),
        (qcow2(version=1), "qcow2", "version 1"),
        (qcow2(version=9), "qcow2", "version 9"),
        (qcow2()[:80], "qcow2", "cut off"),
        (b"QFI\xfb", "qcow2", "version 0"),
        (qcow2(), "raw", "does not match"),
        (qcow2(backing=512), "raw", "does not match"),
        (qcow2(), "ami", "does not match"),
        (qcow2(), "iso", "does not match"),
        (b"QED\0" + bytes(4096), "raw", "does not match"),
        (iso(qcow2(backing=512, rest=0)), "iso", "ambiguous"),
        (iso(qcow2(rest=0)), "qcow2", "ambiguous"),
        (iso() + vhd_footer(), "iso", "ambiguous"),
        (qcow2() + vhd_footer(), "qcow2", "ambiguous"),
        (iso(vdi()), "iso", "ambiguous"),
        (DESCRIPTOR.encode() + bytes(4096), "vmdk", "other files"),
        (b"\n\n" + DESCRIPTOR.encode() + bytes(4096), "vmdk", "other files"),
        (DESCRIPTOR.encode(), "raw", "does not match"),
        (b"COWD" + bytes(4096), "vmdk", "not supported"),
        (vmdk(DESCRIPTOR.replace("monolithicSparse", "monolithicFlat")), "vmdk", "monolithicFlat"),
        (vmdk(DESCRIPTOR.replace("monolithicSparse", "twoGbMaxExtentFlat")), "vmdk", "twoGbMax"),
        (vmdk(DESCRIPTOR.replace('SPARSE "disk.vmdk"', 'FLAT "/etc/shadow" 0')), "vmdk", "other files"),
        (vmdk(DESCRIPTOR.replace("disk.vmdk", "/etc/shadow")), "vmdk", "other files"),
        (vmdk(DESCRIPTOR + 'RW 2048 FLAT "/etc/shadow" 0\n'), "vmdk", "several extents"),
        (vmdk(DESCRIPTOR + 'parentFileNameHint="/etc/shadow"\n'), "vmdk", "parent"),
        (vmdk(DESCRIPTOR + '\0\0\0parentFileNameHint="/etc/shadow"\n'), "vmdk", "parent"),
        (vmdk(DESCRIPTOR + 'createType="monolithicFlat"\n'), "vmdk", "monolithicFlat"),
        (vmdk(DESCRIPTOR.replace("createType", "kreateType")), "vmdk", "not stated"),
        (vmdk(capacity=0), "vmdk", "capacity"),
        (vmdk(capacity=2**63), "vmdk", "capacity"),
        (vmdk(at=40), "vmdk", "where it belongs"),
        (vmdk(sectors=0), "vmdk", "where it belongs"),
        (vmdk(rest=0)[:700], "vmdk", "cut off"),
        (vmdk()[:100], "vmdk", "cut off"),
        (vmdk(directory=2**64 - 1), "vmdk", "footer is missing"),
        (stream_optimized(vmdk(capacity=0)[:512]), "vmdk", "contradicts"),
        (stream_optimized(vmdk(at=60)[:512]), "vmdk", "contradicts"),
        (stream_optimized()[:-1] + b"KDMV", "vmdk", None),
        (stream_optimized() + vmdk(at=60)[:512] + bytes(5), "vmdk", None),
        (vhd_footer(4) + bytes(4096), "vhd", "parent"),
        (bytes(4096) + vhd_footer(4), "vhd", "parent"),
        (vhd_footer(9) + bytes(4096), "vhd", "type 9"),
        (b"conectix", "vhd", "cut off"),
        (bytes(4096) + vhd_footer(), "raw", "does not match"),
        (b"vhdxfile" + bytes(4096), "vhdx", "region table"),
        (b"vhdxfile" + bytes(MIB), "vhdx", "region table"),
        (vdi(4), "vdi", "parent"),
        (vdi(relatives=os.urandom(16)), "vdi", "linked"),
        (vdi(size=2**64 - 1), "vdi", "virtual size"),
        (vdi()[:100], "vdi", "cut off"),
        (b"WithoutFreeSpace", "ploop", "cut off"),
        (b"Bochs Virtual HD Image" + bytes(999), "raw", "does not match"),
        (b"#!/bin/sh\n#V2.0 Format\nmodprobe cloop" + bytes(999), "raw", "does not match"),
        (bytes(4096) + b"koly\0\0\0\x04" + bytes(504), "raw", "does not match"),
        (os.urandom(4096), "qcow2", "not qcow2 at all"),
        (b"", "qcow2", "not qcow2 at all"),
        (b"", "iso", "not iso at all"),
    ],
)  # fmt: skip
def test_images_made_to_deceive(data, declared, why):
    message = refusal(data, declared)
    assert why is None or why in message


def vhdx(*, place=2 * MIB, regions=1, flags=0, items=None, at=65536, size=3 * MIB):
    from nacre.services.image.app.formats import vhdx as layout

    image = bytearray(4 * MIB)
    image[:8] = b"vhdxfile"
    image[layout.REGION_TABLE : layout.REGION_TABLE + 4] = b"regi"
    struct.pack_into("<I", image, layout.REGION_TABLE + 8, regions)
    entry = layout.METADATA_REGION + struct.pack("<QII", place, MIB, 1)
    image[layout.REGION_TABLE + 16 : layout.REGION_TABLE + 48] = entry
    if place < len(image):
        found = items or [(layout.FILE_PARAMETERS, at, 8), (layout.VIRTUAL_SIZE, at + 8, 8)]
        table = b"metadata" + struct.pack("<HH20x", 0, len(found))
        table += b"".join(guid + struct.pack("<III4x", where, length, 0) for guid, where, length in found)
        image[place : place + len(table)] = table
        if place + at < len(image):
            struct.pack_into("<IIQ", image, place + at, MIB, flags, size)
    return bytes(image)


def test_vhdx_metadata_wherever_it_is():
    from nacre.services.image.app.formats import vhdx as layout

    assert judge(vhdx(), "vhdx", block=65536) == 3 * MIB
    assert judge(vhdx(place=3 * MIB), "vhdx") == 3 * MIB
    assert "parent" in refusal(vhdx(flags=2), "vhdx")
    parent = [(layout.PARENT_LOCATOR, 65536, 8)]
    assert "parent" in refusal(vhdx(items=parent), "vhdx")
    assert "incomplete" in refusal(vhdx(items=[(layout.VIRTUAL_SIZE, 65536, 8)]), "vhdx")
    assert "metadata" in refusal(vhdx(place=2**60), "vhdx")
    assert "metadata" in refusal(vhdx(place=100 * MIB), "vhdx")
    assert "region table" in refusal(vhdx(regions=2**31), "vhdx")
    assert "cut off" in refusal(vhdx(at=2**31), "vhdx")
    assert "virtual size" in refusal(vhdx(size=2**64 - 1), "vhdx")
    apart = [(layout.FILE_PARAMETERS, 65536, 8), (layout.VIRTUAL_SIZE, 2**32 - 16, 8)]
    assert "out of place" in refusal(vhdx(items=apart), "vhdx")


def test_only_so_much_is_kept_whatever_a_header_says():
    seen = []

    def greedy():
        seen.append(len((yield Part(HEAD_BYTES, 2**40))))
        seen.append(len((yield Part(HEAD_BYTES + 10, LARGEST_PART))))
        seen.append(len((yield Part(2**62, 10))))
        return None

    inquirer = _Inquirer(greedy(), bytes(HEAD_BYTES))
    inquirer.take(bytes(4 * MIB), HEAD_BYTES)
    inquirer.take(bytes(4 * MIB), HEAD_BYTES + 4 * MIB)
    assert inquirer.end(b"", 8 * MIB) is None
    assert seen == [0, LARGEST_PART, 0]


def test_parts_that_cross_blocks_and_parts_that_have_gone_by():
    data = os.urandom(300_000)
    asked = [Part(65_000, 2000), Part(65_536, 100), Part(150_000, 100_000), Part(70_000, 10), Part(-100, 50)]
    got = []

    def inquiry():
        for part in asked:
            got.append((yield part))

    inquirer = _Inquirer(inquiry(), data[:HEAD_BYTES])
    for start in range(HEAD_BYTES, len(data), 1000):
        inquirer.take(data[start : start + 1000], start)
    inquirer.end(data[-4096:], len(data))
    assert got[0] == data[65_000:67_000]
    assert got[2] == data[150_000:250_000]
    assert got[3] == b""
    assert got[4] == data[-100:-50]
