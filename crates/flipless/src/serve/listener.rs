//! The sockets to accept on: the inherited ones, or one that the server binds.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use socket2::{Domain, Socket};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::task::JoinSet;

use super::accept::Accept;
use super::connection::Manner;
use super::request::{HttpService, RequestService};
use super::{ServeError, accept, connection};
use crate::drain::Lifecycle;
use crate::{activation, notice};

/// A listening socket that is registered with the runtime.
pub(super) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// Returns the inherited sockets with this name. If there is none, binds the address.
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
        // If the port was 0, the kernel has chosen one.
        let address = listener.local_addr().map_err(failed)?;
        notice::say(format_args!("listening on http://{address}"));
        Ok(Self::Tcp(listener))
    }

    /// Accepts until the drain begins. Returns the tasks of the connections, which end when the set is dropped.
    pub(super) async fn accept_all<S: HttpService>(
        self,
        service: RequestService<S>,
        lifecycle: Arc<Lifecycle>,
        manner: Manner,
    ) -> JoinSet<()> {
        match self {
            Self::Tcp(listener) => accept_on(&listener, service, &lifecycle, manner).await,
            Self::Unix(listener) => accept_on(&listener, service, &lifecycle, manner).await,
        }
    }
}

async fn accept_on<L, S>(
    listener: &L,
    service: RequestService<S>,
    lifecycle: &Lifecycle,
    manner: Manner,
) -> JoinSet<()>
where
    L: Accept<Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static>,
    S: HttpService,
{
    let mut connections = JoinSet::new();
    let all = &mut connections;
    // `move`, because a service can't be shared between threads.
    let serve = move |stream| {
        // Frees the tasks that have ended. To free each one at its end would wake this loop more often.
        while all.try_join_next().is_some() {}
        all.spawn(connection::serve(
            stream,
            service.clone(),
            lifecycle,
            manner,
        ));
    };
    accept::accept_all(listener, lifecycle, serve).await;
    connections
}
