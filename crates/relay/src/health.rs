//! Waits until the server is healthy on its own port, which no client uses.

use std::time::Duration;

use anyhow::{Result, bail};
use bytes::Bytes;
use flipless::Statuses;
use http::header::{HOST, LOCATION, USER_AGENT};
use http::{Request, StatusCode};
use http_body_util::Empty;
use tokio::time::{Instant, sleep, timeout_at};

use crate::exchange::exchange;
use crate::fault::Fault;

/// The pause between two health checks.
const BETWEEN: Duration = Duration::from_millis(50);

/// Repeats the health check until its status means healthy.
///
/// # Errors
/// If no check is healthy within `limit`. The error describes the last check. A redirect whose status does not mean
/// healthy is an error at once, because such a server would redirect every later check, too.
pub async fn wait(port: u16, path: &str, healthy: &Statuses, limit: Duration) -> Result<()> {
    let deadline = Instant::now() + limit;
    let seconds = limit.as_secs_f32();
    let mut last = no_listener(port);
    while Instant::now() < deadline {
        last = match timeout_at(deadline, ask(port, path)).await {
            Ok(Ok(answer)) if healthy.contain(answer.status) => return Ok(()),
            Ok(Ok(Answer {
                status,
                location: Some(location),
            })) => bail!(
                "the health check GET {path} returned {status} to {location}\nhint: set `[server] health-path` to \
                 a path that the server answers without a redirect, or add the status to `[server] health-statuses`"
            ),
            Ok(Ok(answer)) => format!("GET {path} returned {}", answer.status),
            Ok(Err(Fault::Connect(_))) => no_listener(port),
            Ok(Err(Fault::NoAnswer(error) | Fault::BadAnswer(error))) => {
                format!("GET {path} got no answer: {error}")
            }
            Err(_) => format!("GET {path} got no answer"),
        };
        sleep(BETWEEN).await;
    }
    bail!("the server failed its health check for {seconds} s: {last}")
}

fn no_listener(port: u16) -> String {
    format!(
        "it does not listen on 127.0.0.1:{port}\nhint: the server has to listen on the port in the \
         variable PORT; two versions with one fixed port can't run side by side"
    )
}

/// The parts of an answer that the health check uses.
struct Answer {
    status: StatusCode,
    /// The target of a redirect.
    location: Option<String>,
}

async fn ask(port: u16, path: &str) -> Result<Answer, Fault> {
    let agent = concat!("flipless/", env!("CARGO_PKG_VERSION"));
    let request = Request::get(path)
        .header(HOST, "localhost")
        .header(USER_AGENT, agent)
        .body(Empty::<Bytes>::new())
        .map_err(|error| Fault::NoAnswer(error.to_string()))?;
    let response = exchange(port, request).await?;
    let status = response.status();
    let location = response.headers().get(LOCATION);
    let location = location.filter(|_| status.is_redirection());
    Ok(Answer {
        status,
        location: location.map(|target| String::from_utf8_lossy(target.as_bytes()).into_owned()),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::TcpListener;

    /// Starts a server that answers its first connections with these statuses. Returns its port.
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
        let healthy = Statuses::default();
        wait(port, "/up", &healthy, limit)
            .await
            .unwrap_err()
            .to_string()
    }

    #[tokio::test]
    async fn the_relay_waits_while_the_server_warms_up() {
        let port = server(&["503 Service Unavailable", "404 Not Found", "204 No Content"]);
        wait(port, "/up", &Statuses::default(), Duration::from_secs(20))
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn a_redirect_is_an_error_at_once_unless_the_settings_allow_its_status() {
        let redirects = || server(&["301 Moved Permanently\r\nlocation: https://example.com/up"]);
        let said = said(redirects(), Duration::from_secs(3600)).await;
        assert!(
            said.contains("301") && said.contains("https://example.com/up"),
            "{said}"
        );
        let healthy = "200,301".parse().unwrap();
        let limit = Duration::from_secs(20);
        wait(redirects(), "/up", &healthy, limit).await.unwrap();
    }

    #[tokio::test]
    async fn a_server_that_stays_unhealthy_is_described() {
        let port = server(&["500 Internal Server Error"; 1000]);
        let said = said(port, Duration::from_millis(200)).await;
        assert!(said.contains("GET /up returned 500"), "{said}");
    }

    #[tokio::test]
    async fn a_server_that_listens_elsewhere_is_an_error_that_names_port() {
        let unused = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = unused.local_addr().unwrap().port();
        drop(unused);
        let said = said(port, Duration::from_millis(200)).await;
        let expected = format!("it does not listen on 127.0.0.1:{port}\nhint: ");
        assert!(said.contains(&expected) && said.contains("PORT"), "{said}");
    }

    #[tokio::test]
    async fn a_server_that_never_answers_is_an_error() {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = silent.local_addr().unwrap().port();
        let said = said(port, Duration::from_millis(200)).await;
        assert!(said.contains("GET /up got no answer"), "{said}");
    }
}
