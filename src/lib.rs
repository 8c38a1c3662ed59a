//! Deployments to AWS Elastic Beanstalk that lose nothing.

pub mod constants;
pub mod layout;
