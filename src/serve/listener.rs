//! The sockets to accept on: inherited ones, or one of our own.

use std::io;
use std::net::SocketAddr;

use http::{Request, Response};
use hyper::body::Incoming;
use socket2::{Domain, Socket};
use tokio::net::{TcpListener, UnixListener};

use super::*;
use crate::activation;

/// A listening socket of the runtime.
pub(super) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// The inherited sockets of this name, or one that is bound to the address.
pub(super) async fn listeners(name: &str, bind: SocketAddr) -> Result<Vec<Listener>, ServeError> {
    let inherited = activation::listeners(name)?;
    if inherited.is_empty() {
        return Ok(vec![Listener::bind(bind).await?]);
    }
    let listeners: io::Result<_> = inherited.into_iter().map(Listener::inherited).collect();
    listeners.map_err(ServeError::Listener)
}

impl Listener {
    fn inherited(socket: Socket) -> io::Result<Self> {
        if socket.domain()? == Domain::UNIX {
            UnixListener::from_std(socket.into()).map(Self::Unix)
        } else {
            TcpListener::from_std(socket.into()).map(Self::Tcp)
        }
    }

    async fn bind(address: SocketAddr) -> Result<Self, ServeError> {
        let failed = |source| ServeError::Bind { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        // Port 0 has become a real one.
        let address = listener.local_addr().map_err(failed)?;
        notice::say(format_args!("listening on http://{address}"));
        Ok(Self::Tcp(listener))
    }

    /// Accepts until the drain begins.
    pub(super) async fn accept_all<S, B>(
        self,
        service: RequestService<S>,
        lifecycle: Arc<Lifecycle>,
        idle: Duration,
    ) where
        S: tower_service::Service<Request<Incoming>, Response = Response<B>>
            + Clone
            + Send
            + 'static,
        S::Future: Send,
        S::Error: Into<Box<dyn Error + Send + Sync>>,
        B: http_body::Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let shared = lifecycle.clone();
        match self {
            Self::Tcp(listener) => {
                let serve = move |stream| connection::spawn(stream, service.clone(), &shared, idle);
                accept::accept_all(&listener, &lifecycle, serve).await;
            }
            Self::Unix(listener) => {
                let serve = move |stream| connection::spawn(stream, service.clone(), &shared, idle);
                accept::accept_all(&listener, &lifecycle, serve).await;
            }
        }
    }
}
