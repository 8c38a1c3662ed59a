//! One request over HTTP/1.1, on a new connection, with a time-out for the whole exchange.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, HOST, HeaderValue};
use http::uri::{Authority, Scheme};
use http::{Request, Response, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper::rt::{Read, Write};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use thiserror::Error;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// The size limit for a body, in bytes. Every answer of an authority is shorter.
const LONGEST_BODY: usize = 1 << 20;
/// The time limit for a connection to one address. A name may have several addresses, and one of them may not answer.
const CONNECT: Duration = Duration::from_secs(5);

/// Why there is no answer.
#[derive(Debug, Error)]
pub enum Unanswered {
    /// The address does not begin with `http` or `https`, or has no host.
    #[error("{0} is not an http or https address with a host")]
    Address(Uri),
    /// DNS has no address for the host.
    #[error("the name {0} is unknown: {1}")]
    Name(String, std::io::Error),
    /// No address of the host accepts a connection.
    #[error("no connection to {0}: {1}")]
    Connection(String, std::io::Error),
    /// The server's certificate is wrong, or the server speaks no TLS.
    #[error("no TLS with {0}: {1}")]
    Tls(String, std::io::Error),
    /// The server does not speak HTTP/1.1, or closed the connection.
    #[error("no answer from {0}: {1}")]
    Http(String, hyper::Error),
    /// The body is incomplete or too long.
    #[error("the answer from {0} is unreadable: {1}")]
    Body(String, Box<dyn std::error::Error + Send + Sync>),
    /// The server took too long.
    #[error("{0} did not answer within {1} s")]
    Late(String, u64),
}

/// How to send a request.
#[derive(Clone)]
pub struct Sender {
    /// Connects to `https` addresses.
    pub tls: TlsConnector,
    /// The time limit for the whole exchange.
    pub limit: Duration,
    /// The host and port to connect to, instead of those in the request's address.
    pub instead: Option<String>,
}

impl Sender {
    /// Sends a request, and reads the whole answer.
    ///
    /// # Errors
    /// If there is no whole answer in time.
    pub async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Unanswered> {
        let uri = request.uri().clone();
        let place = uri
            .authority()
            .map_or_else(String::new, ToString::to_string);
        let answer = timeout(self.limit, self.exchange(request, &uri, &place)).await;
        answer.unwrap_or(Err(Unanswered::Late(place, self.limit.as_secs())))
    }

    async fn exchange(
        &self,
        mut request: Request<Bytes>,
        uri: &Uri,
        place: &str,
    ) -> Result<Response<Bytes>, Unanswered> {
        let unfit = || Unanswered::Address(uri.clone());
        let secure = uri.scheme() == Some(&Scheme::HTTPS);
        let authority = uri
            .authority()
            .filter(|_| secure || uri.scheme() == Some(&Scheme::HTTP));
        let authority = authority.ok_or_else(unfit)?;
        // The target of a request to a server has no scheme and no host. The field `Host` has the host and the port
        // (RFC 9112, section 3.2).
        let target = uri.path_and_query().map_or("/", |path| path.as_str());
        *request.uri_mut() = target.parse().map_err(|_| unfit())?;
        let host = HeaderValue::from_str(place).map_err(|_| unfit())?;
        request.headers_mut().insert(HOST, host);
        request
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));

        let port = if secure { 443 } else { 80 };
        let stream = self.connect(authority, port).await?;
        if !secure {
            return answer(stream, request, place).await;
        }
        let name = ServerName::try_from(bare(authority).to_owned()).map_err(|_| unfit())?;
        let stream = self.tls.connect(name, stream).await;
        let stream = stream.map_err(|error| Unanswered::Tls(place.into(), error))?;
        answer(stream, request, place).await
    }

    /// Connects to the first address that accepts a connection.
    async fn connect(&self, authority: &Authority, port: u16) -> Result<TcpStream, Unanswered> {
        let port = authority.port_u16().unwrap_or(port);
        let of_address = format!("{}:{port}", authority.host());
        let place = self.instead.clone().unwrap_or(of_address);
        let addresses = lookup_host(&place).await;
        let addresses: Vec<SocketAddr> = addresses
            .map_err(|error| Unanswered::Name(authority.host().into(), error))?
            .collect();
        let mut last = std::io::Error::from(std::io::ErrorKind::AddrNotAvailable);
        let mut tried = place;
        for address in addresses {
            tried = address.to_string();
            match timeout(CONNECT, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    // The handshake of TLS consists of small packets, which Nagle's algorithm would delay.
                    let _ = stream.set_nodelay(true);
                    return Ok(stream);
                }
                Ok(Err(error)) => last = error,
                Err(_) => last = std::io::ErrorKind::TimedOut.into(),
            }
        }
        Err(Unanswered::Connection(tried, last))
    }
}

/// Returns the host without the brackets of an IPv6 address.
fn bare(authority: &Authority) -> &str {
    authority
        .host()
        .trim_start_matches('[')
        .trim_end_matches(']')
}

async fn answer(
    stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    request: Request<Bytes>,
    place: &str,
) -> Result<Response<Bytes>, Unanswered> {
    exchange(TokioIo::new(stream), request, place).await
}

async fn exchange(
    io: impl Read + Write + Unpin + Send + 'static,
    request: Request<Bytes>,
    place: &str,
) -> Result<Response<Bytes>, Unanswered> {
    let broken = |error| Unanswered::Http(place.into(), error);
    let (mut sender, connection) = http1::handshake(io).await.map_err(broken)?;
    // This task ends with the connection, or with the runtime.
    tokio::spawn(connection);
    let answer = sender
        .send_request(request.map(Full::new))
        .await
        .map_err(broken)?;
    let (parts, body) = answer.into_parts();
    let body = Limited::new(body, LONGEST_BODY).collect().await;
    let body = body.map_err(|error| Unanswered::Body(place.into(), error))?;
    Ok(Response::from_parts(parts, body.to_bytes()))
}

#[cfg(test)]
mod tests;
