//! Changed copies of the given bundles, for scenarios.

use std::path::PathBuf;

use crate::bundle::{self, Changes};
use crate::scenario::error::ScenarioError;
use crate::scenario::subject::Subject;

pub(super) fn stock_bundle(subject: &Subject) -> Result<PathBuf, ScenarioError> {
    let path = subject.parameters.bundles.join("stock-app.zip");
    bundle::stock_app(&path, "stock")?;
    Ok(path)
}

/// A copy of the second bundle with `changes`.
pub(super) fn changed(subject: &Subject, changes: &Changes) -> Result<PathBuf, ScenarioError> {
    let path = subject.parameters.bundles.join("changed.zip");
    bundle::changed(&subject.parameters.to, &path, changes)?;
    Ok(path)
}

/// A copy of the second bundle with an additional nginx file.
pub(super) fn with_proxy(subject: &Subject, text: &str) -> Result<PathBuf, ScenarioError> {
    let file = (".platform/nginx/conf.d/rehearsal.conf", text, 0o644);
    with_file(subject, file)
}

/// A copy of the second bundle with a script in place of the server.
pub(super) fn with_server(subject: &Subject, script: &str) -> Result<PathBuf, ScenarioError> {
    let server = bundle::server_of(&subject.parameters.to)?;
    with_file(subject, (&server, script, 0o755))
}

pub(super) fn with_file(
    subject: &Subject,
    file: (&str, &str, u32),
) -> Result<PathBuf, ScenarioError> {
    let changes = Changes {
        files: &[file],
        ..Changes::default()
    };
    changed(subject, &changes)
}
