//! Deployments to AWS Elastic Beanstalk that lose nothing.
//!
//! This library is what a server needs for that: it takes over the listening sockets that systemd
//! holds, reports ready only after its own health check has passed, and when it is told to stop it
//! finishes what it has begun. Any axum router or tower service can be served with one call:
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
//! [`Server`] has the options, [`Draining`] and [`Activity`] are what handlers can ask.

mod activation;
pub mod defaults;
mod drain;
mod health_log;
mod inherited_fd;
mod notice;
mod readiness;
mod serve;

pub use activation::ActivationError;
pub use drain::{Activity, Draining};
pub use readiness::HealthError;
pub use serve::{ServeError, Server, serve};
