//! Calls of EB's `get-config`.

use std::io;
use std::process::Output;

use crate::instance::paths::GET_CONFIG;
use crate::instance::system::System;

/// timeout(1) asks `get-config` to end after its limit, and kills it this many seconds later.
const LAST_PATIENCE: &str = "--kill-after=5";

/// Asks `get-config`, and stops it after this number of seconds.
///
/// # Errors
/// If timeout(1) can't be started.
pub fn ask(system: &System, seconds: &str, question: &[&str]) -> io::Result<Output> {
    let words = [&[LAST_PATIENCE, seconds, GET_CONFIG], question].concat();
    system.run("timeout", &words)
}
