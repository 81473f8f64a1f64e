"""What is particular to the libvirt driver: its daemons die and come back, images are checked, guests
crash."""

import os
import signal
import subprocess
import threading
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec
import pytest
from compute_sites import BOOT_SECTOR, GREETING, IMAGE, PATIENCE_SECONDS, Site, open_site, processes, run

from nacre.kernel import ids
from nacre.kernel.errors import BadReference, BadRequest, Conflict, Unavailable
from nacre.services.compute import rpc
from nacre.services.compute.agent.drivers.base import Attempt, Later

State = rpc.ServerState


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with open_site("libvirt") as site:
        yield site


@pytest.fixture(autouse=True)
def _end_guests(site: Site) -> Iterator[None]:
    yield
    for server_id in site.driver.inspect():
        site.driver.remove(server_id)


def pid_of_guest(site: Site, server_id: str) -> int:
    return int((site.state_dir / "libvirt" / "run" / "qemu" / f"server-{server_id}.pid").read_text())


@pytest.mark.parametrize("daemon", ["libvirtd", "virtlogd"])
def test_guests_outlive_their_daemons(site: Site, daemon: str) -> None:
    spec = site.build()
    guest = pid_of_guest(site, spec.id)
    before = site.driver.private.pid(daemon)
    heard = site.events.hosts
    os.kill(before, signal.SIGKILL)
    site.events.wait(lambda: site.events.hosts > heard)
    assert site.driver.private.pid(daemon) not in (None, before)
    assert site.look(spec.id).state is State.RUNNING
    assert pid_of_guest(site, spec.id) == guest
    site.driver.pause(spec.id)
    site.do(site.driver.start, spec)
    assert site.build().id in site.driver.inspect()


def test_a_new_driver_finds_guests_whose_daemon_is_gone(site: Site) -> None:
    spec = site.build()
    guest = pid_of_guest(site, spec.id)
    site.driver.close()
    assert site.driver.private.pid("libvirtd") is not None  # a guest needs it
    os.kill(site.driver.private.pid("libvirtd"), signal.SIGKILL)
    site.driver = site.make_driver()
    site.driver.open(site.events)
    assert site.look(spec.id).state is State.RUNNING
    assert pid_of_guest(site, spec.id) == guest


def test_a_closed_driver_without_guests_keeps_no_daemon(site: Site) -> None:
    spec = site.build(power=rpc.Power.SHUTDOWN)
    site.driver.close()
    assert processes(str(site.state_dir)) == []
    assert site.driver.private.pid("libvirtd") is None
    site.reopen()
    assert site.look(spec.id).state is State.SHUTDOWN


def test_calls_fail_as_outages_while_the_daemon_is_away(site: Site) -> None:
    site.driver.close()
    with pytest.raises(Unavailable):
        site.driver.inspect()
    site.driver.open(site.events)
    site.driver.inspect()


def test_a_killed_guest_is_told_and_is_crashed(site: Site) -> None:
    spec = site.build()
    os.kill(pid_of_guest(site, spec.id), signal.SIGKILL)
    site.events.wait(lambda: (spec.id, "stopped") in site.events.servers)
    assert site.look(spec.id).state is State.CRASHED
    site.do(site.driver.start, spec)
    assert site.look(spec.id).state is State.RUNNING


def test_a_guest_that_died_with_its_daemon_leaves_nothing(site: Site) -> None:
    spec = site.build()
    heard = site.events.hosts
    guest, daemon = pid_of_guest(site, spec.id), site.driver.private.pid("libvirtd")
    os.kill(daemon, signal.SIGKILL)
    os.kill(guest, signal.SIGKILL)
    site.events.wait(lambda: site.events.hosts > heard)
    ends_at = time.monotonic() + PATIENCE_SECONDS
    while site.look(spec.id).state is not State.CRASHED:  # the new daemon may have been faster than the death
        assert time.monotonic() < ends_at
        time.sleep(0.05)
    site.driver.remove(spec.id)
    assert site.leftovers(spec.id) == []


def test_a_server_waits_for_its_tap_devices(site: Site) -> None:
    nic = rpc.NicSpec(
        port_id=ids.new_id(), tap_device=f"tap{ids.new_id()[:8]}", mac_address="fa:16:3e:00:00:01"
    )
    spec = site.make_spec(nics=(nic,))
    assert isinstance(site.driver.ensure(spec, Attempt()), Later)
    assert site.look(spec.id).state is State.SHUTDOWN
    site.make_tap(nic.tap_device)
    assert site.driver.ensure(spec, Attempt()) is None
    assert site.look(spec.id).state is State.RUNNING
    other = msgspec.structs.replace(nic, tap_device="tap-never")
    with pytest.raises(Unavailable) as caught:
        site.driver.ensure(site.make_spec(nics=(other,)), Attempt(waited_seconds=3600.0))
    assert "tap-never" in str(caught.value.detail)


def test_a_guest_that_does_not_let_go_is_a_conflict(site: Site) -> None:
    spec = site.build()
    volume = site.make_volume()
    site.do(site.driver.attach_volume, spec.id, volume)
    assert isinstance(site.driver.detach_volume(spec.id, volume.volume_id, Attempt()), Later)
    with pytest.raises(Conflict):
        site.driver.detach_volume(spec.id, volume.volume_id, Attempt(waited_seconds=3600.0, number=2))
    site.do(site.driver.stop, spec.id, 0)  # it was taken out of what the next start sees
    assert site.look(spec.id).volumes == {}


def test_the_console_log_is_that_of_the_last_boot(site: Site) -> None:
    spec = site.build()
    site.console(spec.id, GREETING)
    site.do(site.driver.reboot, spec, rpc.RebootType.HARD, 0.0)
    site.console(spec.id, GREETING)
    assert site.driver.console_log(spec.id, None).count(GREETING) == 1


def test_an_operator_sees_whose_server_it_is(site: Site) -> None:
    spec = site.build(name="a & <b>", image_name="tiny")
    found = run("virsh", "-c", site.driver.private.uri, "dumpxml", f"server-{spec.id}")
    domain = ET.fromstring(found)
    noted = {element.tag.rpartition("}")[2]: element for element in domain.find("metadata")[0]}
    assert noted["name"].text == "a & <b>"
    assert (noted["flavor"].text, noted["image"].text) == ("m1.tiny", "tiny")
    assert noted["project"].get("id") == spec.owner.project_id
    entries = {entry.get("name"): entry.text for entry in domain.iterfind("./sysinfo/system/entry")}
    assert (entries["product"], entries["serial"]) == ("OpenStack Nova", spec.id)


def test_a_config_drive_is_found_by_its_label(site: Site) -> None:
    spec = site.build(config_drive={"openstack/latest/meta_data.json": b'{"a": 1}', "ec2/x": b""})
    drive = site.state_dir / "servers" / spec.id / "config-2.iso"
    label = drive.read_bytes()[32768 + 40 : 32768 + 72].decode().strip()
    assert label == "config-2"
    assert drive.stat().st_mode & 0o777 == 0o600
    with pytest.raises(BadRequest):
        site.driver.ensure(site.make_spec(config_drive={"../../etc/cron.d/x": b"boo"}), Attempt())


@pytest.mark.parametrize("daemons", ["alive", "dead", "dead for good"])
def test_purge_leaves_nothing_on_the_host(daemons: str) -> None:
    with open_site("libvirt") as site:
        server = site.build(nics=(site.make_nic(),))
        site.build(power=rpc.Power.SUSPENDED)
        site.driver.close()
        if daemons != "alive":
            for daemon in ("libvirtd", "virtlogd"):
                os.kill(site.driver.private.pid(daemon), signal.SIGKILL)
        if daemons == "dead for good":
            site.netns, kept = "gone-for-good", site.netns
        for _ in range(2):
            site.make_driver().purge()
            assert processes(str(site.state_dir)) == []
            assert list(site.state_dir.iterdir()) == []
            assert site.leftovers(server.id) == []
        if daemons == "dead for good":
            site.netns = kept
        site.reopen()
        assert site.driver.inspect() == {}


@pytest.mark.parametrize(
    "hardware",
    [
        rpc.Hardware(disk_bus="scsi", video_model="none", rng=False, guest_agent=False, serial_ports=2),
        rpc.Hardware(disk_bus="ide", video_model="virtio", cpu_sockets=1, cpu_cores=3),
        rpc.Hardware(machine_type="pc", disk_bus="virtio", cpu_cores=2),
    ],
)
def test_wishes_about_the_machine_are_met(site: Site, hardware: rpc.Hardware) -> None:
    site.console(site.build(hardware=hardware, vcpus=2).id, GREETING)


@pytest.mark.parametrize("machine_type", ["q35", "pc"])
def test_every_model_of_network_card_can_be_had(site: Site, machine_type: str) -> None:
    nics = tuple(msgspec.structs.replace(site.make_nic(), model=model) for model in rpc.NIC_MODELS)
    spec = site.build(nics=nics, hardware=rpc.Hardware(machine_type=machine_type))
    assert {*site.look(spec.id).nics} == {nic.port_id for nic in nics}
    strange = msgspec.structs.replace(nics[0], model="carrier pigeon")
    with pytest.raises(BadRequest, match="carrier pigeon"):
        site.driver.ensure(site.make_spec(nics=(strange,)), Attempt())


@pytest.mark.parametrize(
    "hardware",
    [
        rpc.Hardware(machine_type="none,accel=kvm"),
        rpc.Hardware(machine_type="pc-q35-99.9"),
        rpc.Hardware(disk_bus="carrier pigeon"),
        rpc.Hardware(video_model="<x/>"),
        rpc.Hardware(firmware="/etc/passwd"),
    ],
)
def test_wishes_that_cannot_be_met_are_refused(site: Site, hardware: rpc.Hardware) -> None:
    with pytest.raises(BadRequest):
        site.driver.ensure(site.make_spec(hardware=hardware), Attempt())


def test_an_iso_is_booted_as_a_cd(site: Site, tmp_path: Path) -> None:
    (tmp_path / "cd").mkdir()
    (tmp_path / "cd" / "boot.img").write_bytes(BOOT_SECTOR.ljust(2048, b"\0"))
    iso = tmp_path / "cd.iso"
    run(
        "genisoimage", "-quiet", "-o", str(iso), "-b", "boot.img", "-no-emul-boot", "-boot-load-size", "4",
        str(tmp_path / "cd"),
    )  # fmt: skip
    spec = site.build(image=site.shelf.put(iso.read_bytes(), disk_format="iso"))
    site.console(spec.id, GREETING)


# --- images ---


def test_an_image_is_fetched_once_for_many(site: Site) -> None:
    image = site.shelf.put(IMAGE + b"\1" * (1 << 20))
    specs = [site.make_spec(image=image, power=rpc.Power.SHUTDOWN) for _ in range(4)]
    threads = [threading.Thread(target=site.do, args=(site.driver.ensure, spec)) for spec in specs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(site.look(spec.id).state is State.SHUTDOWN for spec in specs)
    assert site.shelf.fetched.count(image.image_id) == 1


def qcow2(path: Path, *options: str) -> bytes:
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", *options, str(path), "1M"], check=True)
    return path.read_bytes()


def _damaged(site: Site, _tmp_path: Path) -> rpc.ImageSource:
    return site.shelf.put(IMAGE, hash_value="0" * 128)


def _short(site: Site, _tmp_path: Path) -> rpc.ImageSource:
    return site.shelf.put(IMAGE, size_bytes=len(IMAGE) + 1)


def _long(site: Site, _tmp_path: Path) -> rpc.ImageSource:
    return site.shelf.put(IMAGE, size_bytes=len(IMAGE) - 1)


def _without_ticket(site: Site, _tmp_path: Path) -> rpc.ImageSource:
    image = site.shelf.put(IMAGE)
    return msgspec.structs.replace(image, download=rpc.Download(url=image.download.url))


def _backing(site: Site, tmp_path: Path) -> rpc.ImageSource:
    return site.shelf.put(qcow2(tmp_path / "x", "-u", "-F", "raw", "-b", "/etc/passwd"), disk_format="qcow2")


def _data_file(site: Site, tmp_path: Path) -> rpc.ImageSource:
    content = qcow2(tmp_path / "x", "-o", f"data_file={tmp_path / 'data'},data_file_raw=on")
    return site.shelf.put(content, disk_format="qcow2")


def _no_qcow2(site: Site, _tmp_path: Path) -> rpc.ImageSource:
    return site.shelf.put(IMAGE, disk_format="qcow2")


def _vmdk(site: Site, _tmp_path: Path) -> rpc.ImageSource:
    return site.shelf.put(b"# Disk DescriptorFile", disk_format="vmdk")


def _path(site: Site, _tmp_path: Path) -> rpc.ImageSource:
    return msgspec.structs.replace(site.shelf.put(IMAGE), image_id="../../../etc/passwd")


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (_damaged, Unavailable),
        (_short, Unavailable),
        (_long, BadReference),
        (_without_ticket, BadReference),
        (_backing, BadReference),
        (_data_file, BadReference),
        (_no_qcow2, BadReference),
        (_vmdk, BadRequest),
        (_path, BadRequest),
    ],
)
def test_images_that_are_refused(
    site: Site, tmp_path: Path, make: Callable[[Site, Path], rpc.ImageSource], error: type[Exception]
) -> None:
    before = sorted((site.state_dir / "images").iterdir())
    spec = site.make_spec(image=make(site, tmp_path))
    with pytest.raises(error):
        site.driver.ensure(spec, Attempt())
    assert sorted((site.state_dir / "images").iterdir()) == before
    assert site.driver.inspect([spec.id]) == {}
    site.driver.remove(spec.id)
    assert site.leftovers(spec.id) == []


def test_an_image_larger_than_the_flavors_disk_is_refused(site: Site) -> None:
    with site.state_dir.joinpath("big").open("wb") as file:
        file.truncate(2 << 30)
    qcow = site.state_dir / "big.qcow2"
    run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", str(site.state_dir / "big"), str(qcow))
    image = site.shelf.put(qcow.read_bytes(), disk_format="qcow2")
    with pytest.raises(BadRequest, match="2 GB"):
        site.driver.ensure(site.make_spec(image=image, root_gb=1), Attempt())
    spec = site.build(image=image, root_gb=3, power=rpc.Power.SHUTDOWN)
    root = site.state_dir / "servers" / spec.id / "root.qcow2"
    assert '"virtual-size": 3221225472' in run("qemu-img", "info", "--output=json", str(root))


def test_an_unused_image_is_swept_and_a_used_one_is_kept(site: Site) -> None:
    image = site.shelf.put(IMAGE + b"\2" * 4096)
    spec = site.build(image=image, power=rpc.Power.SHUTDOWN)
    assert not any(image.image_id in words for words in site.driver.sweep(unused_seconds=0))
    site.driver.remove(spec.id)
    assert not any(image.image_id in words for words in site.driver.sweep(unused_seconds=3600))
    assert any(image.image_id in words for words in site.driver.sweep(unused_seconds=0))
    site.driver.remove(site.build(image=image, power=rpc.Power.SHUTDOWN).id)
    assert site.shelf.fetched.count(image.image_id) == 2


def test_a_rebuild_from_another_image_boots_that(site: Site) -> None:
    spec = site.build()
    site.console(spec.id, GREETING)
    other = site.shelf.put(IMAGE.replace(b"nacre", b"NACRE"))
    spec = msgspec.structs.replace(spec, image=other, root_generation=2, revision=2)
    site.do(site.driver.ensure, spec)
    site.console(spec.id, GREETING.replace("nacre", "NACRE"))


def test_a_snapshot_of_a_running_server_boots(site: Site, tmp_path: Path) -> None:
    spec = site.build()
    site.do(site.driver.snapshot, spec.id, tmp_path / "s.qcow2", "qcow2", False)
    site.driver.remove(spec.id)
    image = site.shelf.put((tmp_path / "s.qcow2").read_bytes(), disk_format="qcow2")
    copy = site.build(image=image)
    site.console(copy.id, GREETING)


def test_rescue_boots_another_image_and_shows_the_servers_own_disk(site: Site) -> None:
    spec = site.build()
    rescue = site.shelf.put(IMAGE.replace(b"nacre", b"DOCTR"))
    in_rescue = msgspec.structs.replace(spec, rescue=rescue, revision=2)
    site.do(site.driver.reboot, in_rescue, rpc.RebootType.HARD, 0.0)
    site.console(spec.id, "DOCTR: a guest")
    assert {use.device for use in site.driver.diagnostics(spec.id).disks} == {"vda", "vdb"}
    site.do(site.driver.reboot, spec, rpc.RebootType.HARD, 0.0)
    site.console(spec.id, GREETING)
    assert not (site.state_dir / "servers" / spec.id / "rescue.qcow2").exists()


# --- what drifts on a host ---------------------------------------------------------------------------


def troubles(site: Site, *known: rpc.ServerSpec, strays: Iterable[str] = ()) -> list[tuple[rpc.Trouble, str]]:
    """Return what is wrong with these servers; those of other tests are on this host, too."""
    concerned = {spec.id for spec in known} | set(strays)
    found = [(each.kind, each.server_id) for each in site.driver.examine(known)]
    return [each for each in found if each[1] in concerned]


def test_files_of_no_server_are_found_and_removed(site: Site) -> None:
    spec, stray = site.build(), ids.new_id()
    directory = site.state_dir / "servers" / stray
    directory.mkdir()
    (directory / "root.qcow2").write_bytes(b"what a guest wrote")
    assert troubles(site, spec, strays=[stray]) == [(rpc.Trouble.FILES_STRAY, stray)]
    site.driver.remove(stray)
    assert troubles(site, spec, strays=[stray]) == []


def test_a_disk_that_is_gone_is_not_silently_made_anew(site: Site) -> None:
    spec = site.build()
    (site.state_dir / "servers" / spec.id / "root.qcow2").unlink()
    assert troubles(site, spec) == [(rpc.Trouble.DISK_MISSING, spec.id)]
    with pytest.raises(Conflict, match="is gone from its host"):
        site.do(site.driver.reboot, spec, rpc.RebootType.HARD, 0.0)
    rebuilt = msgspec.structs.replace(spec, revision=2, root_generation=2)
    site.do(site.driver.ensure, rebuilt)
    assert troubles(site, rebuilt) == []
    assert site.look(spec.id).state is State.RUNNING


@pytest.mark.parametrize("damage", ["gone", "empty"])
def test_an_image_below_a_disk_is_fetched_again(site: Site, damage: str) -> None:
    spec = site.build()
    (base,) = [path for path in (site.state_dir / "images").iterdir() if spec.image.image_id in path.name]
    before = base.read_bytes()
    base.unlink() if damage == "gone" else base.write_bytes(b"")
    assert troubles(site, spec) == [(rpc.Trouble.BASE_MISSING, spec.id)]
    site.do(site.driver.ensure, spec)
    assert troubles(site, spec) == []
    assert base.read_bytes() == before
    site.do(site.driver.reboot, spec, rpc.RebootType.HARD, 0.0)


def test_a_guest_that_was_undefined_comes_back_with_its_disk(site: Site) -> None:
    spec = site.build()
    disk = site.state_dir / "servers" / spec.id / "root.qcow2"
    number = disk.stat().st_ino
    domain = site.driver.connection.get().lookupByUUIDString(spec.id)
    domain.destroy()
    domain.undefine()
    assert spec.id not in site.driver.inspect()
    site.do(site.driver.reboot, spec, rpc.RebootType.HARD, 0.0)
    assert site.look(spec.id).state is State.RUNNING
    assert disk.stat().st_ino == number


def test_a_card_whose_device_was_taken_away_is_found(site: Site) -> None:
    nic = rpc.NicSpec(
        port_id=ids.new_id(), tap_device=f"tap{ids.new_id()[:8]}", mac_address="fa:16:3e:00:00:02"
    )
    site.make_tap(nic.tap_device)
    spec = site.build(nics=(nic,))
    assert troubles(site, spec) == []
    run("ip", "-n", site.netns, "link", "del", nic.tap_device)
    site.make_tap(nic.tap_device)  # as the network agent does
    assert troubles(site, spec) == [(rpc.Trouble.CARD_UNPLUGGED, spec.id)]
    site.do(site.driver.reboot, spec, rpc.RebootType.HARD, 0.0)
    assert troubles(site, spec) == []
