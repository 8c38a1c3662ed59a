//! An instance that is started from an image of another instance.

use rehearse::load::LoadError;
use rehearse::machine::{Instance, Machine};

use crate::booted;
use crate::rig::Rig;

/// Writes an id for the instance to the file in which the kernel shows the id of an EC2 instance. A container has no
/// such file, and nothing can be created in sysfs, so another file system covers the folder.
const UNIT: &str = "[Unit]
DefaultDependencies=no
Before=flipless-identity.service
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'mount -t tmpfs tmpfs /sys/devices/virtual && mkdir -p /sys/devices/virtual/dmi/id && cp /etc/id /sys/devices/virtual/dmi/id/board_asset_tag'
[Install]
WantedBy=sysinit.target
";

/// Gives the instance an id, in this boot and in each later one.
pub fn identify(machine: &Machine) {
    let root = machine.root();
    let unit = root.join("etc/systemd/system/identity.service");
    std::fs::write(unit, UNIT).unwrap();
    std::fs::write(root.join("etc/id"), "i-0000000000000000a\n").unwrap();
    let said = booted::say(machine, "systemctl enable --now identity.service");
    assert!(!said.contains("failed"), "{said}");
}

/// Reboots as another instance with the same disk. Nothing of flipless serves until EB's first deployment, which is an
/// adoption.
pub fn reboot_as_another_instance(rig: &mut Rig) {
    let machine = rig.engine.instance();
    std::fs::write(machine.root().join("etc/id"), "i-0000000000000000b\n").unwrap();
    machine.reboot().unwrap();
    assert_stock(rig);
    // EB's bootstrap may start `web.service` before the first deployment.
    rig.must("systemctl start web.service");
    assert_stock(rig);
    let web = rig.say("systemctl is-active web.service");
    assert_eq!(web, "active", "an idle process");
    rig.deploy();
    rig.wait_until_serving();
    rig.settle();
    // A reboot of this instance changes nothing.
    let current = rig.current();
    rig.engine.reboot().unwrap().outcome.unwrap();
    rig.wait_until_serving();
    assert_eq!(rig.current(), current);
}

fn assert_stock(rig: &Rig) {
    let journal = rig.say("journalctl -b --no-pager -n 60");
    for port in [80, 5000] {
        let answer = rig.get(port, "/health");
        let silent = matches!(answer, Err(LoadError::NoAnswer { .. }));
        assert!(silent, "{port}: {answer:?}: {journal}");
    }
    let left = rig.say(
        "systemctl list-units --plain --no-legend 'flipless-*'; \
         ls -d /opt/flipless /var/lib/flipless /run/flipless /etc/systemd/system/flipless* \
         /usr/lib/systemd/system/*.service.d/zz-flipless.conf 2>/dev/null; grep -rl flipless /etc/nginx",
    );
    assert_eq!(left, "", "{journal}");
}
