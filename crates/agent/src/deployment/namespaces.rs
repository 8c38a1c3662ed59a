//! User namespaces, which the sandboxes of the server and of the stand-ins need (`PrivateUsers=`).

use anyhow::{Error, Result};

use super::symptom::ALLOW_NAMESPACES;
use crate::instance::system::System;
use crate::proxy::advice::Advice;

/// The file with the kernel's limit on user namespaces (namespaces(7)). Hardened images set the limit to 0.
const LIMIT: &str = "/proc/sys/user/max_user_namespaces";
const NAMESPACES: &str = "/proc/self/ns";

/// Checks that the instance allows user namespaces, before anything starts. Otherwise the stand-in of the server
/// would fail in EB's flip, and systemd would only report status 217/USER.
///
/// # Errors
/// If the limit is 0, or if the kernel has no user namespaces.
pub fn check(system: &System) -> Result<()> {
    let limit = system.read(LIMIT)?.unwrap_or_default();
    let exists = |path: &str| system.locate(path).exists();
    let reason = if limit.trim_ascii() == b"0" {
        "user.max_user_namespaces is 0"
    } else if exists(NAMESPACES) && !exists(&format!("{NAMESPACES}/user")) {
        "the kernel was built without CONFIG_USER_NS"
    } else {
        return Ok(());
    };
    Err(Error::new(Advice {
        reason: format!(
            "the instance forbids user namespaces ({reason}), and the sandboxes of the server and of the stand-ins \
             need them"
        ),
        hint: ALLOW_NAMESPACES.into(),
    }))
}
