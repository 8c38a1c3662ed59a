//! The log of EB's enhanced health. In direct mode no nginx writes the log, so the server writes it.
//!
//! EB's health daemon reads `application.log.YYYY-MM-DD-HH` (UTC) and expects the format of EB's nginx:
//! <https://docs.aws.amazon.com/elasticbeanstalk/latest/dg/health-enhanced-serverlogs.html>

mod line;
mod request;
mod writer;

pub(crate) use request::LoggedRequest;
pub(crate) use writer::HealthLog;
