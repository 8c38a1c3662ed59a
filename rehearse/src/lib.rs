//! A model of an Elastic Beanstalk instance on real systemd and real nginx, under load.

pub mod record;
pub mod report;
pub mod summary;
