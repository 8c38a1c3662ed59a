//! Arguments that name files and folders. A path that does not exist, or that leads to something else, is a usage
//! error: exit status 2.

use std::path::{Path, PathBuf};

/// Parses an argument that must name a file.
///
/// # Errors
/// If it names no file.
pub fn existing_file(text: &str) -> Result<PathBuf, String> {
    let path = Path::new(text);
    match path.metadata() {
        Ok(data) if data.is_file() => Ok(path.to_owned()),
        Ok(data) if data.is_dir() => Err("this is a folder, not a file".into()),
        Ok(_) => Err("not a file".into()),
        Err(error) => Err(error.to_string()),
    }
}

/// Parses an argument that must name a folder.
///
/// # Errors
/// If it names no folder.
pub fn existing_folder(text: &str) -> Result<PathBuf, String> {
    let path = Path::new(text);
    match path.metadata() {
        Ok(data) if data.is_dir() => Ok(path.to_owned()),
        Ok(_) => Err("this is a file, not a folder".into()),
        Err(error) => Err(error.to_string()),
    }
}

/// Parses an argument that must name an executable file. `check` later examines the kind of the program.
///
/// # Errors
/// If it names no executable.
pub fn executable_file(text: &str) -> Result<PathBuf, String> {
    let path = existing_file(text)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let mode = path.metadata().map_err(|error| error.to_string())?.mode();
        if mode & 0o100 == 0 {
            return Err(format!(
                "not executable; if it is the server, run `chmod +x {text}`"
            ));
        }
    }
    Ok(path)
}
