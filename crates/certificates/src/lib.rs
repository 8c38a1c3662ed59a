//! Certificates for HTTPS from an ACME authority (RFC 8555), by challenges over HTTP.
//!
//! Three modules only decide, with pure functions: [`schedule`] decides whether an order is due, [`back_off`] decides
//! when to try again after a failure, and [`problem`] decides what an answer of the authority means. [`renew`] does the
//! work. It writes files below the state folder, and sends requests, each with a time-out. It never changes the
//! certificate that nginx serves. The agent checks the new certificate in the state folder, and installs it.
//!
//! [`run::Run`] is one call of `flipless-certificates renew`, and not a run of a release.

pub mod account;
pub mod authority;
pub mod back_off;
pub mod candidate;
pub mod certificate;
pub mod challenge;
pub mod client;
pub mod clock;
pub mod entry;
pub mod failure;
pub mod files;
pub mod http;
pub mod names;
pub mod newest;
pub mod options;
pub mod order;
pub mod ordering;
pub mod problem;
pub mod progress;
pub mod reach;
pub mod renew;
pub mod run;
pub mod schedule;
pub mod self_signed;
pub mod tls;
