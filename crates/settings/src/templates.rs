//! Reads the templates from the disk.

use std::fs;
use std::path::Path;

use crate::render::Files;

/// Reads every template in `folder` and its subfolders. The keys are `/`-separated paths.
///
/// # Errors
/// If a file can't be read or is not UTF-8; the message begins with its path.
pub fn read_all(folder: &Path) -> Result<Files, String> {
    let mut templates = Files::new();
    for entry in walkdir::WalkDir::new(folder).sort_by_file_name() {
        let entry = entry.map_err(|error| error.to_string())?;
        let path = entry.path();
        let about = |what: &dyn std::fmt::Display| format!("{}: {what}", path.display());
        if entry.file_type().is_dir() {
            continue;
        }
        if !entry.file_type().is_file() {
            return Err(about(&"not a regular file"));
        }
        let relative = path.strip_prefix(folder).map_err(|error| about(&error))?;
        let name = relative.to_str().ok_or(about(&"the name is not UTF-8"))?;
        let text = fs::read_to_string(path).map_err(|error| about(&error))?;
        templates.insert(name.replace('\\', "/"), text);
    }
    Ok(templates)
}
