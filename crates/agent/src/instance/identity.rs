//! The identity of the EC2 instance, which the agent reads without a network connection. Source: "Detect whether a host
//! is an EC2 instance" in the EC2 User Guide.
//!
//! An instance has the same identity after a reboot, and after a stop and a start. An instance that was started from
//! the image of another instance has a different identity.

use crate::instance::system::System;

/// The instance id, on the Nitro system.
const ASSET_TAG: &str = "/sys/devices/virtual/dmi/id/board_asset_tag";
/// The UUID of the virtual machine, on Xen. It begins with `ec2`.
const HYPERVISOR: &str = "/sys/hypervisor/uuid";

/// The instance id that cloud-init has read from the instance's metadata. Until cloud-init has run in this boot, the
/// file may contain the id of another instance. So the kernel's own sources come first.
/// <https://docs.cloud-init.io/en/latest/reference/faq.html>
const CLOUD_INIT: &str = "/var/lib/cloud/data/instance-id";

/// Returns the identity; `None` outside EC2, for example in a container.
pub fn of(system: &System) -> Option<String> {
    let read = |path: &str, prefix: &str| {
        let text = String::from_utf8(system.read(path).ok()??).ok()?;
        let text = text.trim().to_ascii_lowercase();
        let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        (text.starts_with(prefix) && text.len() > prefix.len() && plain).then_some(text)
    };
    read(ASSET_TAG, "i-")
        .or_else(|| read(HYPERVISOR, "ec2"))
        .or_else(|| read(CLOUD_INIT, "i-"))
}

/// Returns whether two identities belong to different instances. Returns false for an instance id and a UUID: a change
/// of the instance type may have moved the same instance from Xen to Nitro.
pub fn differ(one: &str, other: &str) -> bool {
    one.starts_with("i-") == other.starts_with("i-") && one != other
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::testing::Instance;

    #[test]
    fn an_identity_is_read_from_nitro_or_xen_or_cloud_init_and_nowhere_else() {
        let instance = Instance::new();
        let system = &instance.system;
        assert_eq!(of(system), None, "a container");
        let put = |path: &str, text: &str| system.write(path, text.as_bytes(), 0o444).unwrap();
        for text in ["", "\n", "Not Specified\n", "i-\n", "i-0/../x\n"] {
            put(ASSET_TAG, text);
            assert_eq!(of(system), None, "{text:?}");
        }
        put(HYPERVISOR, "12345678-1234-1234-1234-123456789012\n");
        put(CLOUD_INIT, "iid-datasource-none\n");
        assert_eq!(of(system), None, "another cloud");
        put(CLOUD_INIT, "i-0af01c01234567890\n");
        assert_eq!(of(system).as_deref(), Some("i-0af01c01234567890"));
        put(HYPERVISOR, "EC2E1916-9099-7CAF-FD21-012345ABCDEF\n");
        let xen = of(system).unwrap();
        assert_eq!(xen, "ec2e1916-9099-7caf-fd21-012345abcdef");
        put(ASSET_TAG, "i-0af01c0123456789a\n");
        let nitro = of(system).unwrap();
        assert_eq!(nitro, "i-0af01c0123456789a");
        assert!(!differ(&xen, &nitro), "the instance type was changed");
        assert!(!differ(&nitro, "i-0af01c0123456789a"));
        assert!(differ(&nitro, "i-0af01c0123456789b"));
    }
}
