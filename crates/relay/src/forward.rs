//! Passes a request on to the server, and the answer back.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONNECTION, HeaderName, HeaderValue, UPGRADE};
use http::{HeaderMap, Request, Response, StatusCode, Version};
use http_body::Body;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower_service::Service;

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Answer = Response<UnsyncBoxBody<Bytes, hyper::Error>>;

/// Why the server gave no answer.
pub enum Fault {
    /// The server accepts no connection.
    Connect(std::io::Error),
    /// The connection failed before the answer.
    Exchange(String),
}

/// The service that the library serves: it passes all requests to one port.
#[derive(Clone)]
pub struct Forward {
    port: u16,
}

impl Forward {
    pub fn to(port: u16) -> Self {
        Self { port }
    }
}

impl Service<Request<Incoming>> for Forward {
    type Response = Answer;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        let port = self.port;
        Box::pin(async move { Ok(forward(port, request).await) })
    }
}

async fn forward(port: u16, mut request: Request<Incoming>) -> Answer {
    let upgrade = request.headers().get(UPGRADE).cloned();
    let client = upgrade.is_some().then(|| hyper::upgrade::on(&mut request));
    drop_hop_by_hop(request.headers_mut(), upgrade);
    *request.version_mut() = Version::HTTP_11;
    match exchange(port, request).await {
        Ok(mut answer) => {
            let accepted = answer.headers().get(UPGRADE).cloned();
            let accepted = accepted.filter(|_| answer.status() == StatusCode::SWITCHING_PROTOCOLS);
            if let (Some(client), true) = (client, accepted.is_some()) {
                tokio::spawn(tunnel(client, hyper::upgrade::on(&mut answer)));
            }
            drop_hop_by_hop(answer.headers_mut(), accepted);
            // The server may speak HTTP/1.0; the client's own connection is HTTP/1.1.
            *answer.version_mut() = Version::HTTP_11;
            answer.map(BodyExt::boxed_unsync)
        }
        Err(fault) => {
            let why = match fault {
                Fault::Connect(error) => format!("the server accepts no connection: {error}"),
                Fault::Exchange(error) => format!("the server gave no answer: {error}"),
            };
            eprintln!("flipless-relay: {why}");
            bad_gateway()
        }
    }
}

/// Sends one request on a connection of its own, as EB's nginx does. A request on an idle connection could be
/// lost when the server closes it.
pub async fn exchange<B>(port: u16, request: Request<B>) -> Result<Response<Incoming>, Fault>
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await;
    let stream = stream.map_err(Fault::Connect)?;
    // Nagle's algorithm would delay the parts of a streamed request.
    let _ = stream.set_nodelay(true);
    let failed = |error: hyper::Error| Fault::Exchange(error.to_string());
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(failed)?;
    // This task ignores the connection's errors, because the reader of the answer gets them, too.
    tokio::spawn(connection.with_upgrades());
    sender.send_request(request).await.map_err(failed)
}

/// Removes the headers that belong to one connection and not to the message (RFC 9110, 7.6.1), except those
/// of an upgrade.
fn drop_hop_by_hop(headers: &mut HeaderMap, upgrade: Option<HeaderValue>) {
    let values = headers.get_all(CONNECTION).iter();
    let named = values.filter_map(|value| value.to_str().ok());
    let named: Vec<HeaderName> = named
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in ["connection", "keep-alive", "proxy-connection", "upgrade"] {
        headers.remove(name);
    }
    if let Some(protocol) = upgrade {
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, protocol);
    }
}

/// Copies bytes both ways until one side ends: for WebSockets.
async fn tunnel(client: OnUpgrade, server: OnUpgrade) {
    if let (Ok(client), Ok(server)) = tokio::join!(client, server) {
        let (mut client, mut server) = (TokioIo::new(client), TokioIo::new(server));
        // Ignores an error, because both sides notice it themselves.
        let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
    }
}

fn bad_gateway() -> Answer {
    let text = Full::new(Bytes::from_static(b"the server gave no answer\n"));
    let body = text.map_err(|never| match never {}).boxed_unsync();
    let mut answer = Response::new(body);
    *answer.status_mut() = StatusCode::BAD_GATEWAY;
    answer
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn headers_of_one_connection_are_not_passed_on() {
        let mut all = headers(&[
            ("connection", "keep-alive, X-Own"),
            ("keep-alive", "timeout=5"),
            ("x-own", "1"),
            ("x-other", "2"),
        ]);
        drop_hop_by_hop(&mut all, None);
        assert_eq!(all, headers(&[("x-other", "2")]));
    }

    #[test]
    fn an_upgrade_is_passed_on() {
        let mut all = headers(&[("connection", "Upgrade"), ("upgrade", "websocket")]);
        let upgrade = all.get(UPGRADE).cloned();
        drop_hop_by_hop(&mut all, upgrade);
        let expected = headers(&[("connection", "upgrade"), ("upgrade", "websocket")]);
        assert_eq!(all, expected);
    }
}
