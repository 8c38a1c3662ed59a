//! The library's part in each request: counters, EB's health log, and the closing of connections in a drain. This part
//! allocates nothing, unless there is a log.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use http::header::{CONNECTION, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tower_service::Service;

use super::error::BoxError;
use crate::drain::Lifecycle;
use crate::health_log::{HealthLog, LoggedRequest};

/// A service that the library can serve. The trait is a short name for the bounds of
/// [`Server::serve`](super::Server::serve).
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
    pub(super) fn new(service: S, lifecycle: &Arc<Lifecycle>, log: Option<HealthLog>) -> Self {
        Self {
            service,
            lifecycle: lifecycle.clone(),
            log,
        }
    }
}

impl<S: HttpService> hyper::service::Service<Request<Incoming>> for RequestService<S> {
    type Response = Response<LoggedBody<S::Body>>;
    type Error = BoxError;
    type Future = Answering<S>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let log = self.log.as_ref();
        let logged = log.map(|log| log.begin(request.uri().path(), request.headers()));
        Answering {
            step: Step::of(self.service.clone(), request),
            lifecycle: self.lifecycle.clone(),
            logged,
        }
    }
}

pin_project_lite::pin_project! {
    /// One request until its answer begins. hyper stores this future inside the connection, without an allocation.
    pub(super) struct Answering<S: HttpService> {
        #[pin]
        step: Step<S, S::Future>,
        lifecycle: Arc<Lifecycle>,
        logged: Option<LoggedRequest>,
    }
}

pin_project_lite::pin_project! {
    #[project = StepProjection]
    enum Step<S, F> {
        /// The service is not ready for the request yet.
        Waiting { service: S, request: Option<Request<Incoming>> },
        /// The service has the request.
        Called { #[pin] future: F },
        /// The service can't take requests.
        Failed { error: Option<BoxError> },
    }
}

impl<S: HttpService> Step<S, S::Future> {
    /// Passes the request on at once if the service is ready. hyper reads from the connection again before it polls the
    /// answer. If the service has dropped the request by then, hyper reads into the same memory. Otherwise hyper
    /// allocates more memory.
    fn of(mut service: S, request: Request<Incoming>) -> Self {
        match service.poll_ready(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(())) => Self::Called {
                future: service.call(request),
            },
            Poll::Ready(Err(error)) => Self::failed(error),
            // The first poll asks again, with a waker.
            Poll::Pending => Self::Waiting {
                service,
                request: Some(request),
            },
        }
    }

    fn failed(error: S::Error) -> Self {
        Self::Failed {
            error: Some(error.into()),
        }
    }

    fn poll(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Result<S::Response, BoxError>> {
        loop {
            let next = match self.as_mut().project() {
                StepProjection::Called { future } => {
                    return future.poll(context).map_err(Into::into);
                }
                StepProjection::Failed { error } => {
                    return error
                        .take()
                        .map_or(Poll::Pending, |error| Poll::Ready(Err(error)));
                }
                StepProjection::Waiting { service, request } => {
                    match (ready!(service.poll_ready(context)), request.take()) {
                        (Ok(()), Some(request)) => Self::Called {
                            future: service.call(request),
                        },
                        (Err(error), _) => Self::failed(error),
                        // Only a poll after the future's end reaches this arm, and such a poll is not allowed.
                        (Ok(()), None) => return Poll::Pending,
                    }
                }
            };
            self.set(next);
        }
    }
}

impl<S: HttpService> Future for Answering<S> {
    type Output = Result<Response<LoggedBody<S::Body>>, BoxError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let answered = ready!(this.step.poll(context));
        let mut logged = this.logged.take();
        if let Some(logged) = &mut logged {
            let failed = StatusCode::INTERNAL_SERVER_ERROR;
            logged.answered(answered.as_ref().map_or(failed, Response::status));
        }
        let mut response = answered?;
        this.lifecycle.count_request();
        if this.lifecycle.is_draining() {
            close_after(&mut response);
        }
        Poll::Ready(Ok(response.map(|body| LoggedBody {
            body,
            _logged: logged,
        })))
    }
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
    /// An answer's body. When the body is dropped, the request's line goes to the log.
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
