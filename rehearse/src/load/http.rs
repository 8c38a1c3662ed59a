//! HTTP/1.1 over one TCP connection, with nothing that retries.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::{future::Future, io};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, combinators::BoxBody};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{CONNECTION, HOST};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::{Method, Request};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::outcome;
use super::sample::Outcome;

pub(super) type Body = BoxBody<Bytes, Infallible>;

/// A connection that can carry requests.
pub(super) struct Connection {
    sender: SendRequest<Body>,
    driver: JoinHandle<()>,
}

/// An answer, read to its end.
pub(super) struct Answer {
    pub outcome: Outcome,
    pub run: Option<String>,
    pub body: Vec<u8>,
    /// Whether the connection may carry another request.
    pub reusable: bool,
}

impl Answer {
    pub(super) fn failed(outcome: Outcome) -> Self {
        Self {
            outcome,
            run: None,
            body: Vec::new(),
            reusable: false,
        }
    }
}

impl Connection {
    pub async fn open(address: SocketAddr) -> Result<Self, Outcome> {
        let stream = TcpStream::connect(address)
            .await
            .map_err(|error| outcome::of_io(&error))?;
        stream
            .set_nodelay(true)
            .map_err(|error| outcome::of_io(&error))?;
        let (sender, connection) = handshake(Io(stream))
            .await
            .map_err(|error| outcome::of_request(&error))?;
        // Its error reaches the request as well.
        let driver = tokio::task::spawn_local(async { drop(connection.await) });
        Ok(Self { sender, driver })
    }

    /// Sends one request and reads its answer.
    pub async fn send(&mut self, request: Request<Body>) -> Answer {
        let response = match self.sender.send_request(request).await {
            Ok(response) => response,
            Err(error) => return Answer::failed(outcome::of_request(&error)),
        };
        let (head, mut body) = response.into_parts();
        let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
        let mut answer = Answer {
            outcome: if head.status.is_success() {
                Outcome::Ok
            } else {
                Outcome::Status(head.status.as_u16())
            },
            run: header("x-flipless-run").map(str::to_owned),
            body: Vec::new(),
            reusable: !header(CONNECTION.as_str())
                .is_some_and(|value| value.eq_ignore_ascii_case("close")),
        };
        while let Some(frame) = body.frame().await {
            match frame {
                Ok(frame) => answer.body.extend(frame.data_ref().into_iter().flatten()),
                Err(_) => {
                    answer.outcome = Outcome::Truncated;
                    answer.reusable = false;
                    break;
                }
            }
        }
        answer
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

pub(super) fn get(path: &str) -> Request<Body> {
    request(Method::GET, path, Empty::new().boxed())
}

/// A path is checked when the load is planned; a broken one becomes `/`.
pub(super) fn request(method: Method, path: &str, body: Body) -> Request<Body> {
    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = path.parse().unwrap_or_default();
    request
        .headers_mut()
        .insert(HOST, hyper::header::HeaderValue::from_static("rehearsal"));
    request
}

/// tokio's stream with hyper's traits.
struct Io(TcpStream);

impl Read for Io {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut target: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let mut bytes = [0; 16 * 1024];
        let room = bytes.len().min(target.remaining());
        let mut buffer = ReadBuf::new(&mut bytes[..room]);
        std::task::ready!(Pin::new(&mut self.0).poll_read(context, &mut buffer))?;
        target.put_slice(buffer.filled());
        Poll::Ready(Ok(()))
    }
}

impl Write for Io {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

/// The answer to one request on a connection of its own.
pub(super) async fn once(address: SocketAddr, request: Request<Body>) -> Answer {
    match Connection::open(address).await {
        Ok(mut connection) => connection.send(request).await,
        Err(outcome) => Answer::failed(outcome),
    }
}

/// `answer`, or a timeout.
pub(super) async fn within(
    limit: std::time::Duration,
    answer: impl Future<Output = Answer>,
) -> Answer {
    tokio::time::timeout(limit, answer)
        .await
        .unwrap_or_else(|_| Answer::failed(Outcome::Timeout))
}
