//! No two source files use each other, directly or through other files.
#![allow(missing_docs)]

use std::path::Path;

use flipless_testing::circles::circles;

#[test]
fn no_two_files_use_each_other() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    assert_eq!(circles(&source), [""; 0]);
}
