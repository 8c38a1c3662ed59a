//! The code that the fuzz targets share.

pub use xtask::bundle;

use xtask::arch::Arch;
use xtask::bundle::Bundle;
use xtask::check::{Check, without_programs};

/// Runs all checks that need no other program, and returns them. Panics if a check does not describe its result.
pub fn judge(bundle: &Bundle) -> Vec<Check> {
    let checks = without_programs(bundle, Some(Arch::X86_64));
    assert!(checks.iter().all(|check| !check.detail.is_empty()));
    checks
}
