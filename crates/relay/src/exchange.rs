//! Sends one request to the server.

use std::net::Ipv4Addr;

use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::fault::Fault;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// How many header fields an answer may have. hyper's default is 100. By default nginx accepts a head of 4 KiB
/// (`proxy_buffer_size`). The shortest field has 4 bytes, so such a head has at most 1,024 fields.
const FIELDS: usize = 1024;

/// Sends one request on a new connection, as EB's nginx does. A request on an idle connection would be lost if the
/// server closed the connection at the same time.
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
    let failed = |error: hyper::Error| Fault::of(&error);
    let (mut sender, connection) = http1::Builder::new()
        .max_headers(FIELDS)
        // Names keep the client's case, because some servers compare them as text. All other names have title case, as
        // nginx writes them.
        .preserve_header_case(true)
        .title_case_headers(true)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(failed)?;
    // This task ignores the connection's errors, because the reader of the answer gets them, too.
    tokio::spawn(connection.with_upgrades());
    sender.send_request(request).await.map_err(failed)
}
