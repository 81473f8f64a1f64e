"""The Debian guest: what the real cloud-init makes of our configuration drive."""

from pathlib import Path

from lab import Lab


def test_cloud_init_finds_its_configuration_drive_and_finishes(lab: Lab, debian_image: Path) -> None:
    with lab.start(debian_image, config_drive=lab.config_drive(lab.server_files())) as guest:
        shown = guest.wait_for("finished at")
        assert "DataSourceConfigDrive" in shown
        assert "user-data-ran-as root" in shown
        assert guest.ssh("hostname", user="debian") == "guest-one"
        assert guest.ssh("sudo cat /root/user-data-runs", user="debian") == "ran"
        assert guest.ssh("cloud-init status", user="debian") == "status: done"
        kilobytes = int(guest.ssh("df --output=size / | tail -n 1", user="debian"))
        assert kilobytes > 2.8 * 1024 * 1024  # the disk is larger than the image
