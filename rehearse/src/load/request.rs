//! One HTTP/1.1 exchange, and its outcome.

use std::convert::Infallible;
use std::error::Error;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{CONNECTION, HOST, HeaderMap};
use hyper::http::response::Parts;
use hyper::{Request, Response, Version};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::record::{Certificate, Outcome};

pub(super) type Body = UnsyncBoxBody<Bytes, Infallible>;

/// An answer of which at least the head arrived.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The run that answered (`x-flipless-run`), if the server reports it.
    pub run: Option<String>,
    /// All headers.
    pub headers: HeaderMap,
    /// The part of the body that arrived.
    pub body: Bytes,
    /// `Ok` for a complete 2xx answer.
    pub outcome: Outcome,
    /// Whether the server announced that it closes the connection.
    pub(super) closes: bool,
    /// The TLS handshake of the connection.
    pub(super) handshake: Handshake,
}

/// The result of a TLS handshake. A connection without TLS has the default value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Handshake {
    /// Whether the server accepted the ticket of an earlier session.
    pub resumed: bool,
    /// The certificate that the server sent.
    pub certificate: Option<Certificate>,
}

/// A connection, with or without TLS.
pub(super) type Stream = Box<dyn Duplex>;

/// The traits that every connection implements.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Duplex for S {}

impl Answer {
    /// Makes an answer on a connection that stays open. `body` is the part of the body that arrived, and `end` is how
    /// the body ended.
    pub(super) fn of(head: Parts, (body, end): (Bytes, Outcome), handshake: Handshake) -> Self {
        let status = head.status.as_u16();
        Self {
            status,
            run: run_of(&head.headers),
            headers: head.headers,
            body,
            outcome: match end {
                Outcome::Ok => outcome_of_status(status),
                cut => cut,
            },
            closes: false,
            handshake,
        }
    }

    /// The certificate that the server sent when the connection was opened.
    pub fn certificate(&self) -> Option<Certificate> {
        self.handshake.certificate
    }

    /// An empty answer with this status.
    #[cfg(test)]
    pub(crate) fn of_status(status: u16) -> Self {
        Self {
            status,
            run: None,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            outcome: match status {
                200..300 => Outcome::Ok,
                status => Outcome::Status(status),
            },
            closes: false,
            handshake: Handshake::default(),
        }
    }

    /// Whether the body is incomplete.
    pub(super) fn cut(&self) -> bool {
        !matches!(self.outcome, Outcome::Ok | Outcome::Status(_))
    }
}

/// The reason why there is no answer.
#[derive(Debug)]
pub(super) enum Fault {
    /// The outcome as a client of the server sees it.
    Server(Outcome),
    /// A failure of this machine, such as no free descriptors or ports.
    Own(io::Error),
}

/// One connection. It is closed at once when this value is dropped, even with a request in flight.
pub(super) struct Connection {
    sender: SendRequest<Body>,
    driver: JoinHandle<hyper::Result<()>>,
    handshake: Handshake,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Connection {
    pub(super) async fn over((stream, handshake): (Stream, Handshake)) -> Result<Self, Fault> {
        let (sender, driver) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| fault_of(&error, Outcome::Closed))?;
        Ok(Self {
            sender,
            driver: tokio::spawn(driver),
            handshake,
        })
    }

    /// Sends a request without checking the connection, as most clients do. Never sends the request twice. Returns the
    /// answer once its head has arrived.
    pub(super) async fn head(
        &mut self,
        request: Request<Body>,
    ) -> Result<Response<Incoming>, Fault> {
        let answer = match self.sender.ready().await {
            Ok(()) => self.sender.send_request(request).await,
            Err(error) => Err(error),
        };
        match answer {
            Ok(answer) => Ok(answer),
            // Only the driver's result contains the reason why an idle connection ended.
            Err(error) if error.is_closed() => Err(match (&mut self.driver).await {
                Ok(Err(cause)) => fault_of(&cause, Outcome::Closed),
                Ok(Ok(())) | Err(_) => Fault::Server(Outcome::Closed),
            }),
            Err(error) => Err(fault_of(&error, Outcome::Closed)),
        }
    }

    pub(super) async fn exchange(&mut self, request: Request<Body>) -> Result<Answer, Fault> {
        let (head, body) = self.head(request).await?.into_parts();
        let closes = closes(head.version, &head.headers);
        Ok(Answer {
            closes,
            ..Answer::of(head, read(body).await?, self.handshake.clone())
        })
    }
}

/// Makes a GET request for a kept connection. [`once`] adds the header that closes the connection.
pub(super) fn get(path: &str) -> Result<Request<Body>, Fault> {
    build(Request::get(path), Empty::new().boxed_unsync())
}

pub(super) fn build(
    head: hyper::http::request::Builder,
    body: Body,
) -> Result<Request<Body>, Fault> {
    head.header(HOST, "localhost")
        .body(body)
        .map_err(|error| Fault::Own(io::Error::new(ErrorKind::InvalidInput, error)))
}

/// Sends one request on its own connection, and returns the answer.
pub(super) async fn once(
    dialed: (Stream, Handshake),
    mut request: Request<Body>,
) -> Result<Answer, Fault> {
    request
        .headers_mut()
        .insert(CONNECTION, hyper::header::HeaderValue::from_static("close"));
    Connection::over(dialed).await?.exchange(request).await
}

/// Opens a connection without TLS.
pub(super) async fn plain(address: SocketAddr) -> Result<(Stream, Handshake), Fault> {
    Ok((Box::new(connect(address).await?), Handshake::default()))
}

pub(super) async fn connect(address: SocketAddr) -> Result<TcpStream, Fault> {
    let stream = TcpStream::connect(address)
        .await
        .map_err(|error| fault_of_io(error, Outcome::Closed))?;
    // Small requests must not wait for an acknowledgement (tcp(7)). The result does not matter: an error of the socket
    // appears again in a later call.
    let _ = stream.set_nodelay(true);
    Ok(stream)
}

/// The part of the body that arrived, and how it ended.
async fn read(mut body: Incoming) -> Result<(Bytes, Outcome), Fault> {
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => whole.extend_from_slice(frame.data_ref().map_or(&[], |data| data)),
            Err(error) => match fault_of(&error, Outcome::Truncated) {
                Fault::Server(outcome) => return Ok((whole.into(), outcome)),
                own @ Fault::Own(_) => return Err(own),
            },
        }
    }
    Ok((whole.into(), Outcome::Ok))
}

pub(super) fn outcome_of_status(status: u16) -> Outcome {
    match status {
        200..300 => Outcome::Ok,
        other => Outcome::Status(other),
    }
}

pub(super) fn run_of(headers: &HeaderMap) -> Option<String> {
    let run = headers.get("x-flipless-run")?.to_str().ok()?;
    Some(run.to_owned())
}

/// Whether the connection ends after this answer (RFC 9112, 9.3): with `close`, or in HTTP/1.0 without
/// `keep-alive`.
fn closes(version: Version, headers: &HeaderMap) -> bool {
    let has = |option: &str| {
        let values = headers.get_all(CONNECTION).iter();
        values
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .any(|token| token.trim().eq_ignore_ascii_case(option))
    };
    has("close") || (version == Version::HTTP_10 && !has("keep-alive"))
}

/// Returns the fault of the system's error inside hyper's error. `end` is the outcome if the connection ended early.
pub(super) fn fault_of(error: &hyper::Error, end: Outcome) -> Fault {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if let Some(io) = inner.downcast_ref::<io::Error>() {
            let copy = match io.raw_os_error() {
                Some(code) => io::Error::from_raw_os_error(code),
                None => io::Error::new(io.kind(), io.to_string()),
            };
            return fault_of_io(copy, end);
        }
        cause = inner.source();
    }
    // An answer that is not HTTP counts as incomplete.
    Fault::Server(if error.is_parse() {
        Outcome::Truncated
    } else {
        end
    })
}

pub(super) fn fault_of_io(error: io::Error, end: Outcome) -> Fault {
    Fault::Server(match error.kind() {
        // The network is unreachable while the instance boots: even its loopback device is down.
        ErrorKind::ConnectionRefused
        | ErrorKind::NetworkUnreachable
        | ErrorKind::HostUnreachable => Outcome::Refused,
        ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe
        | ErrorKind::NotConnected => Outcome::Reset,
        ErrorKind::UnexpectedEof => end,
        ErrorKind::InvalidData | ErrorKind::InvalidInput => Outcome::Truncated,
        ErrorKind::TimedOut => Outcome::Timeout,
        _ => return Fault::Own(error),
    })
}
