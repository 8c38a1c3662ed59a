//! Checks EB's size limit of a bundle.

use super::outcome::Check;
use crate::bundle::Bundle;
use crate::ui;

/// EB's limit. EB calls it 512 MB.
pub const LIMIT: u64 = 536_870_912;

/// Checks the size of the zip.
pub fn check(bundle: &Bundle) -> Check {
    let bytes = bundle.zip_bytes;
    let too_large = format!("{bytes} bytes, but EB accepts at most {LIMIT} (512 MiB)");
    let findings = (bytes > LIMIT).then_some(too_large).into_iter().collect();
    let fine = format!("{} of at most 512 MiB", ui::size(bytes));
    Check::of("size", findings, fine)
        .with_hint("keep large assets in S3, or load them with the key `sources` of .ebextensions")
}
