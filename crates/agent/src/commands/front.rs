//! The commands of the front: units call them around nginx's start, reload and sync.

use anyhow::Result;

use super::change::say;
use crate::instance::system::System;
use crate::proxy::front;

pub use crate::proxy::front::{record_pid, reload, renew, started, starting};

/// Makes sure that the real nginx has the configuration on disk.
pub fn sync(system: &System) -> Result<()> {
    say(&format!("nginx {}", front::sync(system)?));
    Ok(())
}
