//! Passes a request on to the server, and the answer back.

use std::future::pending;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::sync::watch;
use tokio::time::timeout;
use tower_service::Service;

use crate::exchange::exchange;
use crate::fault::Fault;
use crate::request::Refusal;
use crate::{answer, expectation, request};

/// How long the relay waits for the server's end after a connection has ended without an answer. The kernel may report
/// the end of the process later than the end of its connections.
const REPORT: Duration = Duration::from_millis(100);

type Answer = Response<UnsyncBoxBody<Bytes, hyper::Error>>;

/// The service that the library serves: it passes all requests to one port.
#[derive(Clone)]
pub struct Forward {
    port: u16,
    /// Whether clients connect to the relay directly, and not through nginx.
    direct: bool,
    /// Whether the server has ended.
    ended: watch::Receiver<bool>,
}

impl Forward {
    pub fn new(port: u16, direct: bool, ended: watch::Receiver<bool>) -> Self {
        Self {
            port,
            direct,
            ended,
        }
    }
}

impl Service<Request<Incoming>> for Forward {
    type Response = Answer;
    /// After an error the library closes the connection without an answer.
    type Error = Fault;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, Fault>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        let this = self.clone();
        Box::pin(async move {
            match this.forward(request).await {
                Ok(answer) => Ok(answer),
                Err(fault) => this.without_answer(fault).await,
            }
        })
    }
}

impl Forward {
    async fn forward(&self, mut request: Request<Incoming>) -> Result<Answer, Fault> {
        let client = hyper::upgrade::on(&mut request);
        let (mut head, body) = request.into_parts();
        let upgrade = match request::prepare(&mut head, self.direct) {
            Ok(upgrade) => upgrade,
            Err(Refusal(status, text)) => return Ok(own(status, text)),
        };
        let request = expectation::honour(Request::from_parts(head, body));
        let mut answer = exchange(self.port, request).await?;
        let server = hyper::upgrade::on(&mut answer);
        let (mut head, body) = answer.into_parts();
        if answer::prepare(&mut head, upgrade)? {
            tokio::spawn(tunnel(client, server));
        }
        Ok(Response::from_parts(head, body.boxed_unsync()))
    }

    /// Ends a request that got no valid answer from the server. If clients connect directly, or after a bad answer,
    /// returns a 502, as nginx does. Otherwise returns the fault, so that the library closes the connection without an
    /// answer. nginx then sends the request a second time.
    async fn without_answer(mut self, fault: Fault) -> Result<Answer, Fault> {
        if self.direct || matches!(fault, Fault::BadAnswer(_)) {
            eprintln!("flipless-relay: {fault}");
            return Ok(own(StatusCode::BAD_GATEWAY, "the server gave no answer\n"));
        }
        let ended = self.ended.wait_for(|ended| *ended);
        if timeout(REPORT, ended).await.is_ok_and(|end| end.is_ok()) {
            // The relay ends, too, and its end closes the connection. If the relay closed the connection earlier, nginx
            // could send its second try to this relay.
            pending::<()>().await;
        }
        Err(fault)
    }
}

/// Copies the bytes of a WebSocket, or of another upgrade, both ways until both sides end.
async fn tunnel(client: OnUpgrade, server: OnUpgrade) {
    if let (Ok(client), Ok(server)) = tokio::join!(client, server) {
        let (mut client, mut server) = (TokioIo::new(client), TokioIo::new(server));
        // Ignores an error, because both sides notice it themselves.
        let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
    }
}

/// Returns an answer of the relay itself.
fn own(status: StatusCode, text: &'static str) -> Answer {
    let text = Full::new(Bytes::from_static(text.as_bytes()));
    let body = text.map_err(|never| match never {}).boxed_unsync();
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    answer
}
