//! A request whose answer is not complete yet.

use std::time::{Instant, SystemTime};

use http::{HeaderMap, StatusCode};

use super::line::Line;
use super::writer::HealthLog;

/// A request that writes its line to the log when it is dropped. It is dropped with the answer's body, or earlier if
/// there is no answer.
#[derive(Debug)]
pub(crate) struct LoggedRequest {
    log: HealthLog,
    path: String,
    forwarded_for: Option<Vec<u8>>,
    began: Instant,
    status: Option<StatusCode>,
}

impl HealthLog {
    /// Begins to log a request.
    pub(crate) fn begin(&self, path: &str, headers: &HeaderMap) -> LoggedRequest {
        let forwarded_for = headers
            .get("x-forwarded-for")
            .map(|value| value.as_bytes().to_vec());
        LoggedRequest {
            log: self.clone(),
            path: path.to_owned(),
            forwarded_for,
            began: Instant::now(),
            status: None,
        }
    }
}

impl LoggedRequest {
    /// Records the status of the answer that begins now.
    pub(crate) fn answered(&mut self, status: StatusCode) {
        self.status = Some(status);
    }

    /// Returns the status for the log. If there is no answer, the status is 500 after a panic of the service. Otherwise
    /// the client has hung up, and the status is 499, as in nginx.
    fn final_status(&self) -> StatusCode {
        const HUNG_UP: u16 = 499;
        match self.status {
            Some(status) => status,
            None if std::thread::panicking() => StatusCode::INTERNAL_SERVER_ERROR,
            None => StatusCode::from_u16(HUNG_UP).unwrap_or(StatusCode::BAD_REQUEST),
        }
    }
}

impl Drop for LoggedRequest {
    fn drop(&mut self) {
        self.log.send(Line {
            at: SystemTime::now(),
            path: std::mem::take(&mut self.path),
            status: self.final_status(),
            took: self.began.elapsed(),
            forwarded_for: self.forwarded_for.take(),
        });
    }
}
