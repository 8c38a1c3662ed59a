//! One connection, which counts as open until its last owner drops it.

use std::error::Error;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::request::{HttpService, RequestService};
use crate::drain::{Lifecycle, OpenConnection};
use crate::notice;

/// How a connection is served.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manner {
    /// How long the connection may be idle, and how long a request's head may take.
    pub(super) idle: Duration,
    /// Whether the service passes the requests on to another server.
    pub(super) proxy: bool,
}

/// How many header fields a request to a proxy may have. hyper's default is 100. nginx limits a head to 32 KiB
/// (`large_client_header_buffers`), which is enough for 1,024 fields of 32 bytes.
const FIELDS_TO_PROXY: usize = 1024;

/// Returns a future that serves a connection. The connection counts as open from this call on.
pub(super) fn serve<IO, S>(
    stream: IO,
    service: RequestService<S>,
    lifecycle: &Lifecycle,
    manner: Manner,
) -> impl Future<Output = ()> + Send + 'static
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: HttpService,
{
    let stream = Counted {
        stream,
        _open: lifecycle.connected(),
    };
    // hyper measures the limit for a head from the end of the last answer, so this limit covers idle time, too. The
    // service could not apply this limit, because only hyper notices when the client has the whole answer.
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(manner.idle);
    if manner.proxy {
        builder
            .max_headers(FIELDS_TO_PROXY)
            .preserve_header_case(true);
    }
    let connection = builder
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    async move {
        // The client causes all other errors. For example, it closes the connection, or does not send HTTP.
        if let Err(error) = connection.await
            && error.is_user()
        {
            notice::say(format_args!("a request failed: {}", with_causes(&error)));
        }
    }
}

fn with_causes(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| (*error).source());
    causes
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

/// A stream that counts as open until it is dropped, even after a WebSocket has taken it over.
struct Counted<IO> {
    stream: IO,
    _open: OpenConnection,
}

impl<IO: AsyncRead + Unpin> AsyncRead for Counted<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Counted<IO> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, buffer)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
