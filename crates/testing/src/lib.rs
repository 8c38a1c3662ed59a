//! Code that tests share: programs of the workspace as processes, clients that never retry, random inputs.
#![allow(clippy::unwrap_used, missing_docs, reason = "for tests")]

pub mod circles;
pub mod client;
pub mod notify;
pub mod process;
pub mod programs;

use std::time::{Duration, Instant};

/// How long a test waits for anything before it fails.
pub const LIMIT: Duration = Duration::from_secs(20);

/// Waits until `condition` returns a value, and returns this value. Panics after [`LIMIT`].
#[track_caller]
pub fn wait_for<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + LIMIT;
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Returns a configuration for random inputs from a fixed seed, so that a failure is the same on every machine.
pub fn any_input(cases: u32) -> proptest::test_runner::Config {
    proptest::test_runner::Config {
        cases,
        failure_persistence: None,
        rng_seed: proptest::test_runner::RngSeed::Fixed(4),
        ..Default::default()
    }
}
