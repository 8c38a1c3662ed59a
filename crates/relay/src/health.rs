//! Waits until the server is healthy, on its own port, where nobody else asks.

use std::time::Duration;

use anyhow::{Result, bail};
use bytes::Bytes;
use http::Request;
use http::header::{HOST, USER_AGENT};
use http_body_util::Empty;
use tokio::time::{Instant, sleep, timeout_at};

use crate::forward::{self, Fault};

/// Between two questions; a start takes longer.
const BETWEEN: Duration = Duration::from_millis(50);

/// Asks until the answer is a status from 200 to 299.
///
/// # Errors
/// When there is none within `limit`: says what there was instead.
pub async fn wait(port: u16, path: &str, limit: Duration) -> Result<()> {
    let deadline = Instant::now() + limit;
    let seconds = limit.as_secs_f32();
    let mut last = no_listener(port);
    while Instant::now() < deadline {
        last = match timeout_at(deadline, ask(port, path)).await {
            Ok(Ok(status)) if status.is_success() => return Ok(()),
            Ok(Ok(status)) => format!("GET {path} was answered {status}"),
            Ok(Err(Fault::Connect(_))) => no_listener(port),
            Ok(Err(Fault::Exchange(error))) => format!("GET {path} got no answer: {error}"),
            Err(_) => format!("GET {path} got no answer"),
        };
        sleep(BETWEEN).await;
    }
    bail!("the server failed its health check for {seconds} s: {last}")
}

fn no_listener(port: u16) -> String {
    format!(
        "nobody listens on 127.0.0.1:{port}, the PORT it was given. A server with a fixed port can't \
         run beside its successor: have it read PORT"
    )
}

async fn ask(port: u16, path: &str) -> Result<http::StatusCode, Fault> {
    let agent = concat!("flipless/", env!("CARGO_PKG_VERSION"));
    let request = Request::get(path)
        .header(HOST, "localhost")
        .header(USER_AGENT, agent)
        .body(Empty::<Bytes>::new())
        .map_err(|error| Fault::Exchange(error.to_string()))?;
    Ok(forward::exchange(port, request).await?.status())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::TcpListener;

    /// Answers one connection after the other with these statuses.
    fn server(statuses: &'static [&str]) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for status in statuses {
                let (mut stream, _) = listener.accept().unwrap();
                let _ = stream.read(&mut [0; 1024]);
                let _ = write!(stream, "HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
            }
        });
        port
    }

    async fn said(port: u16, limit: Duration) -> String {
        wait(port, "/up", limit).await.unwrap_err().to_string()
    }

    #[tokio::test]
    async fn a_server_that_warms_up_is_waited_for() {
        let port = server(&["503 Service Unavailable", "404 Not Found", "204 No Content"]);
        wait(port, "/up", Duration::from_secs(20)).await.unwrap();
    }

    #[tokio::test]
    async fn a_server_that_stays_unhealthy_is_described() {
        let port = server(&["500 Internal Server Error"; 1000]);
        let said = said(port, Duration::from_millis(200)).await;
        assert!(said.contains("GET /up was answered 500"), "{said}");
    }

    #[tokio::test]
    async fn a_server_that_listens_elsewhere_is_told_to_read_port() {
        let unused = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = unused.local_addr().unwrap().port();
        drop(unused);
        let said = said(port, Duration::from_millis(200)).await;
        let expected = format!("nobody listens on 127.0.0.1:{port}, the PORT");
        assert!(said.contains(&expected), "{said}");
    }

    #[tokio::test]
    async fn a_server_that_never_answers_is_given_up() {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = silent.local_addr().unwrap().port();
        let said = said(port, Duration::from_millis(200)).await;
        assert!(said.contains("GET /up got no answer"), "{said}");
    }
}
