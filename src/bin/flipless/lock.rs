//! One agent at a time.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use flipless::layout;
use rustix::fs::{FlockOperation, flock};

use crate::system::System;

/// Held until it is dropped; the kernel lets go of it when the process ends, however it ends.
pub struct Lock(#[allow(dead_code)] File);

/// How often a waiting agent looks again: flock(2) has no time limit of its own.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Takes the lock `name`, or waits up to `limit` and then says who holds it.
pub fn take(system: &System, name: &str, purpose: &str, limit: Duration) -> Result<Lock> {
    system.make_folder(layout::RUNTIME)?;
    let path = format!("{}/{name}", layout::RUNTIME);
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(system.locate(&path))
        .with_context(|| format!("cannot open the lock {path}"))?;
    let deadline = Instant::now() + limit;
    while flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        if Instant::now() >= deadline {
            let mut holder = String::new();
            let _ = file.read_to_string(&mut holder);
            bail!(
                "another agent holds {path} for {} s now: {}",
                limit.as_secs(),
                holder.trim()
            );
        }
        std::thread::sleep(LOOK_AGAIN);
    }
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "`flipless {purpose}`, process {}", std::process::id())?;
    Ok(Lock(file))
}
