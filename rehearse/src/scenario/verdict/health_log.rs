//! Whether the current run writes the log of EB's enhanced health in direct mode.

use std::time::Duration;

use crate::machine::wait_for;
use crate::scenario::check::Check;
use crate::scenario::error::ScenarioError;
use crate::scenario::subject::Subject;

/// A path that no other client requests.
const PATH: &str = "/in-the-health-log";
/// How long it may take until the log has a line for the request.
const PATIENCE: Duration = Duration::from_secs(5);

/// Sends a request to the demonstration server, and checks that the user of EB's health agent can read a line for this
/// request. The line may be missing if an earlier run with another user has created the file of the log.
pub(super) fn of(subject: &Subject) -> Result<Option<Check>, ScenarioError> {
    let status = subject.status();
    if !status.is_there() || status.front() != "direct" || !subject.serves_long_requests()? {
        return Ok(None);
    }
    subject.get(PATH)?;
    let look = format!(
        "runuser -u healthd -- sh -c 'grep -h {PATH} /var/log/nginx/healthd/application.log.* 2>&1'; \
         ls -l /var/log/nginx/healthd"
    );
    let line = format!("\"{PATH}\"");
    let found = wait_for(PATIENCE, || {
        subject.say(&look).contains(&line).then_some(())
    });
    Ok(Some(Check::new(
        "the health log lacks a request",
        found.is_some(),
        subject.say(&look),
    )))
}
