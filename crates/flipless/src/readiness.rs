//! The health check and the messages to systemd: sd_notify(3).

use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use sd_notify::NotifyState;

use crate::statuses::Statuses;

const SERVING: &str = "serving";

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why the health check failed.
#[derive(Debug, thiserror::Error)]
pub enum HealthError {
    /// The health path is not valid.
    #[error("the health path {path:?} is not valid")]
    Path {
        /// The health path.
        path: String,
        /// Why the path is not valid.
        source: http::Error,
    },
    /// The service answered with a status that means unhealthy.
    #[error("the health check GET {path} returned {status}; a status of {healthy} is needed")]
    Status {
        /// The health path.
        path: String,
        /// The answer's status.
        status: StatusCode,
        /// The statuses that mean healthy.
        healthy: Statuses,
    },
    /// The service failed.
    #[error("the health check GET {path} got no answer")]
    NoAnswer {
        /// The health path.
        path: String,
        /// The service's error.
        source: BoxError,
    },
    /// The service did not answer in time.
    #[error("the health check GET {path} got no answer in {} s", limit.as_secs_f32())]
    Timeout {
        /// The health path.
        path: String,
        /// How long the check waited.
        limit: Duration,
    },
}

/// Sends the health check to the service, over a connection in memory. The service sees an ordinary request,
/// and no client has to wait.
pub(crate) async fn check_health<S, B>(
    service: S,
    path: &str,
    healthy: &Statuses,
    limit: Duration,
) -> Result<(), HealthError>
where
    S: hyper::service::Service<Request<Incoming>, Response = http::Response<B>>,
    S::Error: Into<BoxError>,
    B: http_body::Body + 'static,
    B::Error: Into<BoxError>,
{
    let request = Request::get(path)
        .header(header::HOST, "localhost")
        .header(
            header::USER_AGENT,
            concat!("flipless/", env!("CARGO_PKG_VERSION")),
        )
        .body(Empty::<Bytes>::new())
        .map_err(|source| HealthError::Path {
            path: path.to_owned(),
            source,
        })?;
    let Ok(answer) = tokio::time::timeout(limit, ask(service, request)).await else {
        return Err(HealthError::Timeout {
            path: path.to_owned(),
            limit,
        });
    };
    match answer {
        Ok(status) if healthy.contain(status) => Ok(()),
        Ok(status) => Err(HealthError::Status {
            path: path.to_owned(),
            status,
            healthy: healthy.clone(),
        }),
        Err(source) => Err(HealthError::NoAnswer {
            path: path.to_owned(),
            source,
        }),
    }
}

async fn ask<S, B>(service: S, request: Request<Empty<Bytes>>) -> Result<StatusCode, BoxError>
where
    S: hyper::service::Service<Request<Incoming>, Response = http::Response<B>>,
    S::Error: Into<BoxError>,
    B: http_body::Body + 'static,
    B::Error: Into<BoxError>,
{
    const BUFFER: usize = 16 * 1024;
    let (near, far) = tokio::io::duplex(BUFFER);
    let server =
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(far), service);
    let (mut sender, client) = hyper::client::conn::http1::handshake(TokioIo::new(near)).await?;
    let asked = async move { Ok::<_, hyper::Error>(sender.send_request(request).await?.status()) };
    let (served, _, answered) = tokio::join!(server, client, asked);
    match (answered, served) {
        (Ok(status), _) => Ok(status),
        // Prefers the service's own error to the client's "connection closed".
        (Err(_), Err(error)) | (Err(error), Ok(())) => Err(error.into()),
    }
}

/// Tells systemd that the server is ready. The server accepts connections from now on, or after its hold has
/// ended.
pub(crate) fn ready(held: bool) -> io::Result<()> {
    let status = if held {
        "ready, held until the flip"
    } else {
        SERVING
    };
    sd_notify::notify(&[NotifyState::Ready, NotifyState::Status(status)])
}

/// Tells systemd that the hold has ended. Ignores an error.
pub(crate) fn serving() {
    let _ = sd_notify::notify(&[NotifyState::Status(SERVING)]);
}

/// Tells systemd that the server drains. Ignores an error.
pub(crate) fn stopping(connections: usize) {
    let status = format!("draining, {} left", counted(connections));
    let _ = sd_notify::notify(&[NotifyState::Stopping, NotifyState::Status(&status)]);
}

/// Tells systemd how the drain ended. `flipless status` shows this text for the last handover.
pub(crate) fn drained(open: usize, cut: usize, time: Duration) {
    let mut status = format!("drained {} in {:.1} s", counted(open), time.as_secs_f32());
    if cut > 0 {
        status += &format!(", {cut} cut at the deadline");
    }
    let _ = sd_notify::notify(&[NotifyState::Status(&status)]);
}

/// Returns a text such as `1 connection` or `2 connections`.
pub(crate) fn counted(connections: usize) -> String {
    let plural = if connections == 1 { "" } else { "s" };
    format!("{connections} connection{plural}")
}

/// Pings systemd's watchdog until this future is dropped. Returns at once if there is no watchdog.
///
/// This future has to run as a task of the runtime that serves, so that the pings stop when the runtime is stuck.
pub(crate) async fn ping_watchdog() {
    let Some(limit) = sd_notify::watchdog_enabled().filter(|limit| !limit.is_zero()) else {
        return;
    };
    // sd_watchdog_enabled(3) recommends half the limit. A third leaves room for a late ping.
    let mut interval = tokio::time::interval(limit / 3);
    loop {
        interval.tick().await;
        let _ = sd_notify::notify(&[NotifyState::Watchdog]);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use hyper::service::service_fn;
    use std::convert::Infallible;

    const LIMIT: Duration = Duration::from_secs(20);

    async fn answering(status: StatusCode) -> Result<(), HealthError> {
        let service = service_fn(async |request: Request<Incoming>| {
            assert_eq!(request.uri(), "/up?full");
            let mut response = http::Response::new(Empty::<Bytes>::new());
            *response.status_mut() = status;
            Ok::<_, Infallible>(response)
        });
        check_health(service, "/up?full", &Statuses::default(), LIMIT).await
    }

    #[tokio::test]
    async fn only_a_status_of_success_is_healthy() {
        answering(StatusCode::OK).await.unwrap();
        answering(StatusCode::NO_CONTENT).await.unwrap();
        for status in [
            StatusCode::FOUND,
            StatusCode::NOT_FOUND,
            StatusCode::BAD_GATEWAY,
        ] {
            let error = answering(status).await.unwrap_err();
            assert!(matches!(error, HealthError::Status { status: found, .. } if found == status));
        }
    }

    #[tokio::test]
    async fn a_service_that_never_answers_fails_at_the_limit() {
        let service =
            service_fn(|_| std::future::pending::<Result<http::Response<String>, Infallible>>());
        let error = check_health(
            service,
            "/",
            &Statuses::default(),
            Duration::from_millis(10),
        )
        .await
        .unwrap_err();
        assert_eq!(
            error.to_string(),
            "the health check GET / got no answer in 0.01 s"
        );
    }

    #[tokio::test]
    async fn the_services_own_error_is_the_cause() {
        let service = service_fn(async |_| Err::<http::Response<String>, _>("no database"));
        let error = check_health(service, "/", &Statuses::default(), LIMIT)
            .await
            .unwrap_err();
        let HealthError::NoAnswer { source, .. } = error else {
            panic!("{error}")
        };
        assert_eq!(source.source().unwrap().to_string(), "no database");
    }

    #[tokio::test]
    async fn an_invalid_path_is_refused() {
        let service = service_fn(async |_| Err::<http::Response<String>, _>("asked"));
        let error = check_health(service, "/a b", &Statuses::default(), LIMIT)
            .await
            .unwrap_err();
        assert_eq!(error.to_string(), "the health path \"/a b\" is not valid");
    }

    #[tokio::test]
    async fn the_check_does_not_wait_for_an_endless_body() {
        struct Endless;
        impl http_body::Body for Endless {
            type Data = Bytes;
            type Error = Infallible;
            fn poll_frame(
                self: std::pin::Pin<&mut Self>,
                _: &mut std::task::Context<'_>,
            ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
                std::task::Poll::Ready(Some(Ok(http_body::Frame::data(Bytes::from_static(
                    &[0; 4096],
                )))))
            }
        }
        let service = service_fn(async |_| Ok::<_, Infallible>(http::Response::new(Endless)));
        check_health(service, "/", &Statuses::default(), LIMIT)
            .await
            .unwrap();
    }
}
