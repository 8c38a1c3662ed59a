//! The agent's layers: a file may use its own layer and the layers below it, but no layer above it.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

/// The layers, from top to bottom.
const LAYERS: [&str; 4] = ["commands", "deployment", "proxy", "instance"];

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            // A test may use every layer.
            true if path.ends_with("tests") => {}
            true => found.extend(files(&path)),
            false if path.ends_with("tests.rs") => {}
            false => found.push(path),
        }
    }
    found
}

#[test]
fn no_layer_calls_up() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for (index, layer) in LAYERS.iter().enumerate() {
        let above = [&LAYERS[..index], &["cli", "hint", "main"]].concat();
        let files = files(&source.join(layer));
        assert!(!files.is_empty(), "{layer} is a folder of files");
        for file in files {
            let text = fs::read_to_string(&file).unwrap();
            // Tests inside a file come last.
            let code = text.split("#[cfg(test)]").next().unwrap();
            for other in &above {
                let named = code.contains(&format!("crate::{other}"));
                assert!(!named, "{} calls up to {other}", file.display());
            }
        }
    }
}

#[test]
fn no_two_files_use_each_other() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    assert_eq!(flipless_testing::circles::circles(&source), [""; 0]);
}
