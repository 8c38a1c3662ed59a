//! SELinux labels. A file that a hook creates inherits the label of its folder. With SELinux enforcing, systemd may not
//! execute a file with such a label. The policy has labels for `/opt/**/bin/*` and for units, and restorecon(8) sets
//! them.

use std::io;

use crate::instance::output::say;
use crate::instance::system::System;

/// Gives files and folders the labels of the policy, if the instance has restorecon(8). A failure is only a warning,
/// because most instances do not enforce the policy.
pub fn restore(system: &System, paths: &[&str]) {
    // "F" also resets a customised type, which restorecon would otherwise keep.
    let arguments = [&["-RF"], paths].concat();
    let why = match system.run("restorecon", &arguments) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return,
        Err(error) => error.to_string(),
        Ok(output) if output.status.success() => return,
        Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
    };
    say(&format!(
        "warning: cannot restore the SELinux labels of {}: {why}",
        paths.join(", ")
    ));
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::testing::Instance;

    #[test]
    fn labels_are_restored_if_the_program_exists_and_a_failure_is_no_error() {
        let instance = Instance::new();
        for (works, calls) in [(None, 0), (Some(false), 1), (Some(true), 2)] {
            instance.model.borrow_mut().restorecon_works = works;
            restore(&instance.system, &["/opt/flipless", "/etc/x"]);
            let labelled = &instance.model.borrow().labelled;
            assert_eq!(*labelled, vec!["-RF /opt/flipless /etc/x"; calls]);
        }
    }
}
