//! Whether the value of a secret reaches the server.

use crate::scenario::check::Check;
use crate::scenario::error::ScenarioError;
use crate::scenario::subject::{SECRET, Subject};

/// Asks the demonstration server, which has a page with its environment variables. Returns no check for another server.
pub(super) fn of(subject: &Subject) -> Result<Option<Check>, ScenarioError> {
    let (name, _) = SECRET;
    let Some(value) = subject.engine.secret(name) else {
        return Ok(None);
    };
    if !subject.serves_long_requests()? {
        return Ok(None);
    }
    let answer = subject.get_page(&format!("/env?name={name}"))?;
    let detail = format!("status {}", answer.status);
    Ok(Some(Check::new(
        "the server does not have the value of the secret",
        answer.body == value.as_bytes(),
        detail,
    )))
}
