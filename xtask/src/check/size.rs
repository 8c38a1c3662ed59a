//! EB's limit on a bundle.

use super::outcome::Check;
use crate::bundle::Bundle;
use crate::ui;

/// 512 MB, as EB counts them.
pub const LIMIT: u64 = 536_870_912;

/// The zip's size.
pub fn check(bundle: &Bundle) -> Check {
    let bytes = bundle.zip_bytes;
    let too_large = format!("{bytes} bytes, EB takes at most {LIMIT} (512 MiB)");
    let findings = (bytes > LIMIT).then_some(too_large).into_iter().collect();
    let fine = format!("{} of at most 512 MiB", ui::size(bytes));
    Check::of("size", findings, fine)
        .with_hint("large assets belong into S3, or into an .ebextensions `sources` key")
}
