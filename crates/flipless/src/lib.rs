//! Deployments to AWS Elastic Beanstalk (EB) that lose no request.
//!
//! A server that uses this library takes over the listening sockets that systemd holds. It reports that it
//! is ready only after its own health check has passed. On SIGTERM it finishes the requests that it has
//! begun. One call serves an axum router or any other tower service:
//!
//! ```no_run
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), flipless::ServeError> {
//! use axum::{Router, routing::get};
//!
//! let app = Router::new()
//!     .route("/health", get(|| async { "ok" }))
//!     .route("/", get(|| async { "Hello" }));
//! flipless::serve(app).await
//! # }
//! ```
//!
//! A router without state serves faster if you call `app.with_state(())`: the router then prepares its routes once, and
//! not for each request. `axum::serve` makes this call itself.
//!
//! [`Server`] has the options. [`Draining`] and [`Activity`] tell a handler about its server.

mod activation;
pub mod defaults;
mod drain;
mod health_log;
mod hold;
mod inherited_fd;
mod notice;
mod readiness;
mod serve;
mod statuses;

pub use activation::ActivationError;
pub use drain::{Activity, Draining};
pub use readiness::HealthError;
pub use serve::{ServeError, Server, serve};
pub use statuses::{Statuses, StatusesError};
