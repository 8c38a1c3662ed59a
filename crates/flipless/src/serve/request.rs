//! The library's part in each request: extensions, counters, the log, and the close in a drain.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::header::{CONNECTION, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tower_service::Service;

use super::error::BoxError;
use crate::drain::{Lifecycle, Phase};
use crate::health_log::{HealthLog, LoggedRequest};
use crate::{Activity, Draining};

/// A service that the library can serve: one name for the bounds of [`Server::serve`](super::Server::serve).
pub(super) trait HttpService:
    Service<Request<Incoming>, Response = Response<Self::Body>, Error: Into<BoxError>, Future: Send>
    + Clone
    + Send
    + 'static
{
    type Body: Body<Data: Send, Error: Into<BoxError>> + Send + 'static;
}

impl<S, B> HttpService for S
where
    S: Service<Request<Incoming>, Response = Response<B>, Error: Into<BoxError>, Future: Send>
        + Clone
        + Send
        + 'static,
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    type Body = B;
}

/// The user's service in the form that hyper needs.
#[derive(Clone)]
pub(super) struct RequestService<S> {
    service: S,
    lifecycle: Arc<Lifecycle>,
    log: Option<HealthLog>,
}

impl<S> RequestService<S> {
    pub(super) fn new(service: S, lifecycle: Arc<Lifecycle>, log: Option<HealthLog>) -> Self {
        Self {
            service,
            lifecycle,
            log,
        }
    }
}

impl<S: HttpService> hyper::service::Service<Request<Incoming>> for RequestService<S> {
    type Response = Response<LoggedBody<S::Body>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let extensions = request.extensions_mut();
        extensions.insert(Draining(self.lifecycle.clone()));
        extensions.insert(Activity(self.lifecycle.clone()));
        let log = self.log.as_ref();
        let mut logged = log.map(|log| log.begin(request.uri().path(), request.headers()));
        let (mut service, lifecycle) = (self.service.clone(), self.lifecycle.clone());
        Box::pin(async move {
            let answered = answer(&mut service, request).await;
            if let Some(logged) = &mut logged {
                let failed = StatusCode::INTERNAL_SERVER_ERROR;
                logged.answered(answered.as_ref().map_or(failed, Response::status));
            }
            let mut response = answered?;
            lifecycle.count_request();
            if lifecycle.is_in(Phase::Draining) {
                close_after(&mut response);
            }
            Ok(response.map(|body| LoggedBody {
                body,
                _logged: logged,
            }))
        })
    }
}

async fn answer<S: Service<R>, R>(service: &mut S, request: R) -> Result<S::Response, S::Error> {
    poll_fn(|context| service.poll_ready(context)).await?;
    service.call(request).await
}

/// Makes hyper close the connection after this answer, and tells the client. An upgrade stays open.
fn close_after<B>(response: &mut Response<B>) {
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        response
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
    }
}

pin_project_lite::pin_project! {
    /// An answer's body. Its drop ends the request in the log.
    pub(super) struct LoggedBody<B> {
        #[pin]
        body: B,
        _logged: Option<LoggedRequest>,
    }
}

impl<B: Body> Body for LoggedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        self.project().body.poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upgrade_keeps_its_connection_header() {
        let mut response = Response::new(());
        close_after(&mut response);
        assert_eq!(response.headers()[CONNECTION], "close");

        let mut upgrade = Response::new(());
        *upgrade.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        close_after(&mut upgrade);
        assert!(upgrade.headers().is_empty());
    }
}
