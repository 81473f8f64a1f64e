"""How a tiny guest boots: again, as another server, with a kernel of its own, on a network without DHCP."""

from pathlib import Path

from lab import FIXED_ADDRESS, GUEST_ADDRESS, MAC, Lab

BOOTED = "tiny: boot finished"


def test_power_cycle_changes_nothing_and_another_server_changes_everything(
    lab: Lab, tiny_image: Path
) -> None:
    """One disk, three boots: as a new server, as the same again, as an image that another server has."""
    with lab.start(tiny_image, config_drive=lab.config_drive(lab.server_files())) as guest:
        guest.wait_for(BOOTED)
        host_key = guest.ssh("dropbearkey -y -f /etc/dropbear/host_key | grep Fingerprint")
        guest.command("system_powerdown")
        guest.wait_until_off()

        guest.start(config_drive=lab.config_drive(lab.server_files()))
        assert "user-data-ran" not in guest.wait_for(BOOTED)
        assert guest.ssh("cat /root/user-data-runs") == "ran"
        assert guest.ssh("dropbearkey -y -f /etc/dropbear/host_key | grep Fingerprint") == host_key
        guest.ask_agent_and_forget("guest-shutdown", mode="powerdown")
        guest.wait_until_off()

        other = lab.server_files(uuid="0e0a7a3c-2f6f-4a2a-8f59-5a3a5f3a0002", hostname="guest-two")
        guest.start(config_drive=lab.config_drive(other))
        assert "user-data-ran" in guest.wait_for(BOOTED)
        assert guest.ssh("hostname") == "guest-two"
        assert guest.ssh("cat /root/user-data-runs") == "ran\nran"
        assert guest.ssh("dropbearkey -y -f /etc/dropbear/host_key | grep Fingerprint") != host_key


def test_own_kernel_with_a_fixed_address_and_a_password_from_the_configuration_drive(
    lab: Lab, tiny_image: Path
) -> None:
    """As a server with kernel and ramdisk images boots, on a network without DHCP."""
    password = 'pa"ss\\word:$1'
    files = lab.server_files(admin_pass=password) | {"openstack/latest/network_data.json": FIXED_NETWORK}
    root = tiny_image.with_suffix(".ext4")
    kernel = ("-kernel", tiny_image.with_suffix(".vmlinuz"), "-initrd", tiny_image.with_suffix(".initramfs"))
    command_line = ("-append", "root=/dev/vda console=ttyS0 quiet")
    drive = lab.config_drive(files)
    with lab.start(root, *kernel, *command_line, config_drive=drive, image_format="raw") as guest:
        guest.wait_for(BOOTED)
        assert guest.ssh("hostname", address=FIXED_ADDRESS) == "guest-one"
        shown = guest.ssh("ip route; cat /etc/resolv.conf; ip address", address=FIXED_ADDRESS)
        assert "default via 10.61.0.1 " in shown
        assert "203.0.113.0/24 via 10.61.0.9 " in shown
        assert "nameserver 203.0.113.53" in shown
        assert "mtu 1400 " in shown
        assert GUEST_ADDRESS not in shown
        assert guest.has_password("cirros", password, address=FIXED_ADDRESS)


FIXED_NETWORK = f"""{{
  "links": [
    {{"id": "tap0", "type": "bridge", "ethernet_mac_address": "02:00:00:00:00:01", "mtu": 9000}},
    {{"id": "tap1", "type": "bridge", "ethernet_mac_address": "{MAC}", "mtu": 1400}}
  ],
  "networks": [
    {{"id": "network0", "type": "ipv6_slaac", "link": "tap1"}},
    {{"id": "network1", "type": "ipv4", "link": "tap1",
      "ip_address": "{FIXED_ADDRESS}", "netmask": "255.255.255.0",
      "routes": [
        {{"network": "0.0.0.0", "netmask": "0.0.0.0", "gateway": "10.61.0.1"}},
        {{"network": "203.0.113.0", "netmask": "255.255.255.0", "gateway": "10.61.0.9"}}
      ]}}
  ],
  "services": [{{"type": "dns", "address": "203.0.113.53"}}]
}}"""
