//! The progress of the program for certificates.

use std::path::Path;

use flipless_settings::layout;
use serde::Deserialize;

use crate::instance::output::plain;
use crate::instance::system::System;

/// The file with the progress of the program for certificates, in its folder.
const PROGRESS: &str = "progress.json";

/// The progress of the program for certificates.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Progress {
    /// When the program asks the authority again, in seconds since 1970.
    pub next_try: Option<u64>,
    /// How often the program has failed since its last success.
    pub failures: u64,
    /// The reason of the last failure, from the authority or from the program.
    pub last_error: Option<String>,
    /// When the certificate is renewed, in seconds since 1970.
    pub renew_at: Option<u64>,
}

/// Reads the progress; `None` before the first run of the program, or if the file is unreadable.
pub fn read(system: &System) -> Option<Progress> {
    let content = system.read_in(Path::new(layout::CERTIFICATES_STATE), PROGRESS);
    let mut progress: Progress = serde_json::from_slice(&content.ok()??).ok()?;
    // The text may be from the authority, and may contain control characters.
    progress.last_error = progress.last_error.map(|text| plain(&text));
    Some(progress)
}

/// Formats the time until an event, in hours or days.
pub fn days(seconds: i64) -> String {
    match seconds {
        ..=0 => "0 h".into(),
        1..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}
