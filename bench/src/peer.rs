//! The servers that the library is compared with, and the same services on the library. Each answers `GET /` with
//! "ok".

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::task::{Context, Poll};

use axum::Router;
use axum::routing::get;
use axum::serve::ListenerExt as _;
use bytes::Bytes;
use clap::ValueEnum;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::runtime::Builder;

/// A server, and a service on it.
#[derive(Debug, Clone, Copy, PartialEq, ValueEnum)]
pub enum Kind {
    /// hyper, as in its example `hello`.
    Hyper,
    /// The same service on the library.
    Flipless,
    /// `axum::serve` with a router.
    Axum,
    /// The same router on the library.
    FliplessAxum,
}

impl Kind {
    /// The name of this peer on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Hyper => "hyper",
            Self::Flipless => "flipless",
            Self::Axum => "axum",
            Self::FliplessAxum => "flipless-axum",
        }
    }
}

/// `bench peer`
#[derive(clap::Args)]
pub struct Peer {
    kind: Kind,
    /// The port on 127.0.0.1; the library uses an inherited socket instead, if it gets one
    port: u16,
    /// How many threads serve
    threads: usize,
}

impl Peer {
    /// Serves until a signal.
    pub fn serve(&self) -> ExitCode {
        let mut builder = match self.threads {
            1 => Builder::new_current_thread(),
            _ => Builder::new_multi_thread(),
        };
        let runtime = builder.worker_threads(self.threads).enable_all().build();
        let served = runtime.map_err(anyhow::Error::from).and_then(|runtime| {
            // `#[tokio::main]` also polls its future with `block_on`, outside of the runtime's worker threads.
            runtime.block_on(self.run())
        });
        match served {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("error: {error:#}");
                ExitCode::FAILURE
            }
        }
    }

    async fn run(&self) -> anyhow::Result<()> {
        let address = SocketAddr::from(([127, 0, 0, 1], self.port));
        let library = flipless::Server::new().bind(address).health_path("/");
        match self.kind {
            Kind::Hyper => hyper(TcpListener::bind(address).await?).await,
            Kind::Axum => {
                // The library sets TCP_NODELAY, too. If this fails, the connection has ended.
                let listener = TcpListener::bind(address).await?.tap_io(|stream| {
                    let _ = stream.set_nodelay(true);
                });
                axum::serve(listener, router()).await?;
            }
            Kind::Flipless => library.serve(Hello).await?,
            // `axum::serve` also calls `with_state`. Without this call, the router would prepare its routes again for
            // each request.
            Kind::FliplessAxum => library.serve(router().with_state(())).await?,
        }
        Ok(())
    }
}

/// hyper's example `hello`, with two additions: TCP_NODELAY, which the library sets, and upgrades, which the library
/// and `axum::serve` support.
async fn hyper(listener: TcpListener) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let _ = stream.set_nodelay(true);
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .serve_connection(TokioIo::new(stream), service_fn(|_| ready(hello())))
            .with_upgrades();
        tokio::spawn(connection);
    }
}

fn router() -> Router {
    Router::new().route("/", get(|| async { "ok" }))
}

fn hello() -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new(Full::new(Bytes::from_static(b"ok"))))
}

/// The service of [`hyper`] as a tower service.
#[derive(Clone)]
struct Hello;

impl tower_service::Service<Request<Incoming>> for Hello {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Incoming>) -> Self::Future {
        ready(hello())
    }
}
